(function () {
  "use strict";

  // one model at a time; without this script all of them stand one after another
  var picker = document.querySelector(".picker");
  if (picker) {
    var choice = picker.querySelector("select");
    var showChosen = function () {
      document.querySelectorAll("[data-model]").forEach(function (panel) {
        panel.hidden = panel.dataset.model !== choice.value;
      });
    };
    picker.hidden = false;
    document.querySelector(".print-only").hidden = false;
    choice.addEventListener("change", showChosen);
    showChosen();
    document.querySelectorAll("a[data-show]").forEach(function (link) {
      link.addEventListener("click", function () {
        choice.value = link.dataset.show;
        showChosen();
      });
    });
  }

  // the keyboard stops at a table only where there is something to scroll to
  var watcher = new ResizeObserver(function (entries) {
    entries.forEach(function (entry) {
      var box = entry.target;
      if (box.scrollWidth > box.clientWidth) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); }
    });
  });
  document.querySelectorAll(".scroll").forEach(function (box) { watcher.observe(box); });

  // a larger view of an image
  var dialog = document.querySelector("dialog");
  if (!dialog) { return; }
  var stage = dialog.querySelector("div");
  document.querySelectorAll(".frame").forEach(function (frame) {
    function enlarge() {
      var picture = frame.querySelector("svg").cloneNode(true);
      var box = picture.viewBox.baseVal;
      dialog.style.setProperty("--ratio", box.width / box.height);
      stage.replaceChildren(picture);
      dialog.showModal();
    }
    frame.setAttribute("role", "button");
    frame.setAttribute("tabindex", "0");
    frame.addEventListener("click", enlarge);
    frame.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        enlarge();
      }
    });
  });
  dialog.querySelector("button").addEventListener("click", function () { dialog.close(); });
  dialog.addEventListener("click", function (event) {
    if (event.target === dialog) { dialog.close(); }
  });
})();
