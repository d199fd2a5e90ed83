// Asks whether the purchase is active, less and less often, and then shows what has come of it.
(function () {
  "use strict";
  var started = Date.now();
  var pause = 1000;

  function later() {
    if (Date.now() - started > 120000) {
      document.querySelector("#billing-waiting .billing-late").hidden = false;
      return;
    }
    setTimeout(ask, pause);
    pause = Math.min(pause * 1.5, 10000);
  }

  function ask() {
    var waiting = document.getElementById("billing-waiting");
    fetch(waiting.dataset.statusUrl, { credentials: "same-origin", cache: "no-store" })
      .then(function (answer) { return answer.json(); })
      .then(function (status) {
        if (status.active) { return show(); }
        later();
      })
      .catch(later);
  }

  // The page as it is now takes this one's place; should that fail, it is loaded anew.
  function show() {
    return fetch(window.location.href, { credentials: "same-origin", cache: "no-store" })
      .then(function (answer) { return answer.text(); })
      .then(function (text) {
        var now = new DOMParser().parseFromString(text, "text/html");
        var fresh = now.getElementById("billing-return");
        if (!fresh || fresh.querySelector("#billing-waiting")) { return later(); }
        document.getElementById("billing-return").replaceChildren.apply(
          document.getElementById("billing-return"), Array.from(fresh.childNodes)
        );
        document.title = now.title;
        document.querySelector("#billing-return h1").focus();
      })
      .catch(function () { window.location.reload(); });
  }

  setTimeout(ask, pause);
})();
