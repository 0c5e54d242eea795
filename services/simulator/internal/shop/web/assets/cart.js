// The cart: the Amazon Pay button, and quantities that take effect at once.
(function () {
  'use strict';

  var holder = document.getElementById('AmazonPayButton');
  var form = document.getElementById('cart');
  var problem = document.getElementById('problem');

  function tell(text) {
    problem.textContent = text;
    problem.hidden = !text;
  }

  // post asks the shop's own back end; nothing is ever sent to Payloom from here.
  function post(path, body) {
    return fetch(path, {
      method: 'POST',
      body: body,
      headers: { 'X-CSRF-Token': holder.dataset.csrf, 'Accept': 'application/json' }
    }).then(function (answer) { return answer.json(); });
  }

  var button;
  try {
    button = amazon.Pay.renderButton('#AmazonPayButton', JSON.parse(holder.dataset.settings));
  } catch (e) {
    tell('Amazon Pay could not be loaded. Please reload this page.');
    return;
  }

  var busy = false;
  button.onClick(function () {
    if (busy) { return; }
    busy = true;
    tell('');
    post('/shop/checkout').then(function (data) {
      if (data.go) {
        window.location.assign(data.go);
        return;
      }
      if (!data.payloadJSON) {
        throw new Error(data.problem || 'Amazon Pay cannot be reached. Please press the button again.');
      }
      button.initCheckout({
        createCheckoutSessionConfig: {
          payloadJSON: data.payloadJSON,
          signature: data.signature,
          publicKeyId: data.publicKeyId
        }
      });
    }).catch(function (e) {
      tell(e.message);
    }).finally(function () {
      busy = false;
    });
  });

  // Without this script the form has a button; with it, every change counts at once.
  document.getElementById('update').hidden = true;
  form.addEventListener('change', function () {
    post('/shop/cart', new URLSearchParams(new FormData(form))).then(function (cart) {
      if (!cart.count || form.querySelectorAll('.items li').length !== Object.keys(cart.sums).length) {
        window.location.reload();
        return;
      }
      ['goods', 'sending', 'total'].forEach(function (name) {
        document.getElementById(name).textContent = cart[name];
      });
      Object.keys(cart.sums).forEach(function (id) {
        document.getElementById('sum-' + id).textContent = cart.sums[id];
      });
      document.getElementById('count').textContent = cart.count;
      button.updateButtonInfo(cart.estimatedOrderAmount);
      tell('');
    }).catch(function () {
      tell('The change was not saved. Please try again.');
    });
  });
})();
