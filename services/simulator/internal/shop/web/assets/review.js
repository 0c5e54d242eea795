// The review page: both changes are made at Amazon, which sends the buyer back here.
(function () {
  'use strict';

  var session = document.getElementById('amazon').dataset.session;

  amazon.Pay.bindChangeAction('#change-paymethod', {
    amazonCheckoutSessionId: session,
    changeAction: 'changePayment'
  });
  if (document.getElementById('change-shipping')) {
    amazon.Pay.bindChangeAction('#change-shipping', {
      amazonCheckoutSessionId: session,
      changeAction: 'changeAddress'
    });
  }

  // What is confirmed must be what is shown: after a change in the form the order
  // is updated first.
  var form = document.getElementById('order');
  var confirm = document.getElementById('buy-now');
  form.addEventListener('change', function () {
    if (confirm) { confirm.hidden = true; }
    document.getElementById('update').className = 'main';
  });
})();
