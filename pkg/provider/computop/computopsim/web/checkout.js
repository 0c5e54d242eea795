// A stand-in for Amazon's checkout.js: a shop page written for Amazon Pay works
// with the simulator when only the address of this script is changed.
(function () {
  'use strict';

  // The script knows where the simulator is by where it was loaded from.
  var base = document.currentScript.src.replace(/\/checkout\.js.*$/, '');

  function go(path, parameters) {
    var query = new URLSearchParams(parameters).toString();
    window.location.assign(base + path + (query ? '?' + query : ''));
  }

  function find(selector) {
    var element = document.querySelector(selector);
    if (!element) {
      throw new Error('amazon.Pay: nothing matches ' + selector);
    }
    return element;
  }

  function text(payload) {
    return typeof payload === 'string' ? payload : JSON.stringify(payload);
  }

  var colors = { Gold: '#f3b53f', LightGray: '#dfe3e8', DarkGray: '#4a4f55' };

  function renderButton(selector, settings) {
    settings = settings || {};
    ['merchantId', 'ledgerCurrency', 'placement'].forEach(function (name) {
      if (!settings[name]) {
        throw new Error('amazon.Pay.renderButton: ' + name + ' is missing');
      }
    });
    var button = document.createElement('button');
    button.type = 'button';
    button.className = 'amazon-pay-button';
    button.style.cssText = 'font:600 1rem system-ui,sans-serif;padding:.7rem 1.6rem;border:1px solid rgba(0,0,0,.3);' +
      'border-radius:8px;cursor:pointer;background:' + (colors[settings.buttonColor] || colors.Gold) +
      ';color:' + (settings.buttonColor === 'DarkGray' ? '#fff' : '#1b1f24');
    find(selector).replaceChildren(button);

    function label(amount) {
      button.textContent = 'Pay with Amazon (simulated)';
      if (amount && amount.amount) {
        button.setAttribute('aria-label', 'Pay about ' + amount.amount + ' ' + amount.currencyCode + ' with Amazon, simulated');
      }
    }

    function initCheckout(checkout) {
      var session = checkout && checkout.createCheckoutSessionConfig;
      if (!session || !session.payloadJSON || !session.signature) {
        throw new Error('initCheckout: payloadJSON and signature are required');
      }
      go('/amazon/checkout', {
        payload: text(session.payloadJSON),
        signature: session.signature,
        publicKeyId: session.publicKeyId || settings.publicKeyId || ''
      });
    }

    label(settings.estimatedOrderAmount);
    if (settings.createCheckoutSessionConfig) {
      button.addEventListener('click', function () { initCheckout(settings); });
    }
    return {
      onClick: function (handler) { button.addEventListener('click', handler); },
      initCheckout: initCheckout,
      updateButtonInfo: label
    };
  }

  function bindChangeAction(selector, change) {
    find(selector).addEventListener('click', function (event) {
      event.preventDefault();
      go('/amazon/change/' + encodeURIComponent(change.amazonCheckoutSessionId), { action: change.changeAction });
    });
  }

  window.amazon = window.amazon || {};
  window.amazon.Pay = { renderButton: renderButton, bindChangeAction: bindChangeAction };
})();
