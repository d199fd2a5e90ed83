// Draws the tables that ask for it as charts: <table data-chart> in a <figure> with a <canvas>.
// The first column holds the labels, in short in data-label; each heading with data-colour, which names a custom property
// of CSS, is a series of stacked bars. The table stays, for screen readers and without JavaScript.
"use strict";

(() => {
  const page = () => getComputedStyle(document.documentElement);
  const colour = (name) => page().getPropertyValue(name).trim() || "#888";

  function read(table) {
    const headings = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const series = headings.flatMap((heading, index) =>
      heading.dataset.colour
        ? [{
            label: heading.textContent.trim(),
            property: heading.dataset.colour,
            data: rows.map((row) => Number(row.cells[index].dataset.value)),
          }]
        : [],
    );
    return { labels: rows.map((row) => row.cells[0].dataset.label ?? row.cells[0].textContent.trim()), series };
  }

  function draw(table) {
    const { labels, series } = read(table);
    const canvas = table.closest("figure").querySelector("canvas");
    const quiet = () => colour("--billing-quiet");
    const chart = new Chart(canvas, {
      type: "bar",
      data: {
        labels,
        datasets: series.map(({ label, property, data }) => ({
          label,
          data,
          backgroundColor: () => colour(property),
          maxBarThickness: 48,
        })),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: {
            stacked: true,
            grid: { display: false },
            ticks: { color: quiet, maxRotation: 0, autoSkipPadding: 16 },
          },
          y: {
            stacked: true,
            beginAtZero: true,
            suggestedMax: 1,
            border: { display: false },
            grid: { color: () => colour("--billing-line") },
            ticks: { color: quiet, precision: 0, maxTicksLimit: 5 },
          },
        },
        plugins: {
          colors: { enabled: false },
          legend: {
            align: "start",
            labels: { boxWidth: 12, boxHeight: 12, color: () => colour("--billing-words") },
          },
        },
      },
    });
    const again = () => chart.update();
    const theme = { attributeFilter: ["data-theme", "class"] };
    new MutationObserver(again).observe(document.documentElement, theme);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("table[data-chart]").forEach((table) => {
      const figure = table.closest("figure");
      figure.classList.add("billing-drawn");
      draw(table);
    });
  });
})();
