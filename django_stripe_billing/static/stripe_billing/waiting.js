// Asks whether the subscription is active, less and less often, and reloads the page when it is.
(function () {
  "use strict";
  var waiting = document.getElementById("billing-waiting");
  var started = Date.now();
  var pause = 1000;

  function later() {
    if (Date.now() - started > 120000) {
      waiting.querySelector(".late").hidden = false;
      return;
    }
    setTimeout(ask, pause);
    pause = Math.min(pause * 1.5, 10000);
  }

  function ask() {
    fetch(waiting.dataset.statusUrl, { credentials: "same-origin", cache: "no-store" })
      .then(function (answer) { return answer.json(); })
      .then(function (status) {
        if (status.active) {
          window.location.reload();
        } else {
          later();
        }
      })
      .catch(later);
  }

  setTimeout(ask, pause);
})();
