// The merchant's list, kept up to date while nobody writes in it.
(function () {
  'use strict';

  var rows = document.getElementById('rows');
  var last = '';

  function busy() {
    return rows.contains(document.activeElement) || rows.querySelector('details[open]') !== null;
  }

  function refresh() {
    fetch(rows.dataset.url).then(function (answer) {
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(function (html) {
      if (last && html !== last && !busy()) { rows.innerHTML = html; }
      if (!last || !busy()) { last = html; }
    }).catch(function () {
      // The next round tries again.
    }).finally(function () {
      window.setTimeout(refresh, 1500);
    });
  }

  refresh();
})();
