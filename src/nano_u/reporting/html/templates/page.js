"use strict";

(function () {
  const root = document.documentElement;

  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function isDark() {
    const chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : system.matches;
  }

  const theme = document.getElementById("theme");
  function nameTheme() {
    theme.textContent = isDark() ? "Light theme" : "Dark theme";
  }
  theme.addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  system.addEventListener("change", nameTheme);
  nameTheme();

  document.getElementById("save").addEventListener("click", function () {
    const text = document.getElementById("report-data").textContent;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "report.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  // Printed, a closed part is lost.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (part) { part.open = true; });
  });

  // Cells hold finished texts: a number may have thousands separated, a sign or a unit, or begin an interval.
  const NUMBER = /^(?:>=\s*)?([-+]?[\d,]*\.?\d+(?:e[-+]?\d+)?)(?!\w)/i;

  function cellOf(row, column) {
    const text = row.cells[column].textContent.trim();
    const found = NUMBER.exec(text);
    const number = found ? parseFloat(found[1].replace(/,/g, "")) : NaN;
    return { row: row, text: text, number: number, missing: text === "" || text === "-" };
  }

  function compareTexts(one, other) {
    return one.text.localeCompare(other.text, undefined, { numeric: true });
  }

  // A column holds numbers where all its cells do; they begin with the largest, texts with A.
  function sort(table, heading, column) {
    const body = table.tBodies[0];
    const cells = Array.from(body.rows).map(function (row) { return cellOf(row, column); });
    const defined = cells.filter(function (cell) { return !cell.missing; });
    const numeric = defined.every(function (cell) { return !Number.isNaN(cell.number); });
    const before = heading.getAttribute("aria-sort");
    const falls = before ? before === "ascending" : numeric;
    const sign = falls ? -1 : 1;
    defined.sort(function (one, other) {
      return sign * ((numeric && one.number - other.number) || compareTexts(one, other));
    });
    const missing = cells.filter(function (cell) { return cell.missing; });
    defined.concat(missing).forEach(function (cell) { body.appendChild(cell.row); });
    table.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", falls ? "descending" : "ascending");
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    table.querySelectorAll("thead th").forEach(function (heading, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", function () { sort(table, heading, column); });
      heading.textContent = "";
      heading.appendChild(button);
    });
  });
})();
