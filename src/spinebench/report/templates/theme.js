(function () {
  "use strict";
  var root = document.documentElement;

  // light and dark: the system's choice until the reader takes another
  var theme = document.querySelector(".theme");
  var darkSystem = window.matchMedia("(prefers-color-scheme: dark)");
  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : darkSystem.matches;
  }
  function nameTheme() {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", "Change to " + (isDark() ? "light" : "dark") + " colours");
  }
  theme.hidden = false;
  theme.addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  darkSystem.addEventListener("change", nameTheme);
  nameTheme();

  // paper cannot be unfolded
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("main details").forEach(function (part) { part.open = true; });
  });
})();
