(function () {
  "use strict";
  var rater = document.querySelector("#rater");
  var done = document.querySelector("#done");
  var radios = Array.from(document.querySelectorAll("input[type=radio]"));
  var names = Array.from(new Set(radios.map(function (radio) { return radio.name; })));
  var store = "spinebench-traces-" + rater.dataset.packet;

  // what was rated outlives a reload where the browser lets a file keep anything
  function remembered() {
    try { return JSON.parse(localStorage.getItem(store)) || {}; } catch (error) { return {}; }
  }
  function remember() {
    try { localStorage.setItem(store, JSON.stringify({ rater: rater.value, scores: scores() })); }
    catch (error) { /* nothing is kept; saving still works */ }
  }
  function scores() {
    var found = {};
    radios.forEach(function (radio) { if (radio.checked) { found[radio.name] = radio.value; } });
    return found;
  }
  function tell(words) {
    done.textContent = words || Object.keys(scores()).length + " of " + names.length + " rated";
  }
  function quoted(text) { return '"' + text.replace(/"/g, '""') + '"'; }

  var kept = remembered();
  rater.value = kept.rater || "";
  radios.forEach(function (radio) {
    radio.checked = Boolean(kept.scores) && kept.scores[radio.name] === radio.value;
    radio.addEventListener("change", function () { remember(); tell(); });
  });
  rater.addEventListener("change", remember);
  tell();

  document.querySelector("#save").addEventListener("click", function () {
    var name = rater.value.trim();
    if (!name) { tell("Write your name or code first"); rater.focus(); return; }
    var found = scores();
    var lines = names.map(function (pair) {
      var parts = pair.split("/");
      return [quoted(name), parts[0], parts[1], found[pair] || ""].join(",");
    });
    var file = new Blob(["rater,item,criterion,score\n" + lines.join("\n") + "\n"], { type: "text/csv" });
    var link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = "ratings.csv";
    link.click();
    tell(Object.keys(found).length + " of " + names.length + " rated; saved as ratings.csv");
  });
})();
