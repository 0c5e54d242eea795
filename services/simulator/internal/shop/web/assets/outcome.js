// The end of a checkout: while the outcome is open, ask the shop for news.
(function () {
  'use strict';

  var page = document.getElementById('outcome');
  var version = page.dataset.version;

  function ask() {
    var query = new URLSearchParams({ payment_id: page.dataset.payment, after_version: version });
    fetch('/shop/status?' + query).then(function (answer) {
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.json();
    }).then(function (payment) {
      if (payment.done) {
        window.location.reload();
        return;
      }
      version = payment.version;
      document.getElementById('state').textContent = payment.state.replaceAll('_', ' ');
      window.setTimeout(ask, 500);
    }).catch(function () {
      window.setTimeout(ask, 3000);
    });
  }

  if (page.dataset.end === 'open') { ask(); }
})();
