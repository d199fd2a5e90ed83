// Draws the tables that ask for it as charts: <table data-chart> in a <figure> with a <canvas>.
// The first column holds the labels; each heading with data-colour, which names a custom property
// of CSS, is a series of stacked bars. The table stays, for screen readers and without JavaScript.
"use strict";

(() => {
  const page = () => getComputedStyle(document.documentElement);
  const colour = (name) => page().getPropertyValue(name).trim() || "#888";

  function read(table) {
    const headings = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const texts = (index) => rows.map((row) => row.cells[index].textContent.trim());
    const series = headings.flatMap((heading, index) =>
      heading.dataset.colour
        ? [{
            label: heading.textContent.trim(),
            property: heading.dataset.colour,
            data: rows.map((row) => Number(row.cells[index].dataset.value)),
          }]
        : [],
    );
    return { labels: texts(0), series };
  }

  function paint(chart, series) {
    chart.data.datasets.forEach((dataset, index) => {
      dataset.backgroundColor = colour(series[index].property);
    });
    const { x, y } = chart.options.scales;
    x.ticks.color = y.ticks.color = colour("--body-quiet-color");
    y.grid.color = colour("--hairline-color");
    chart.options.plugins.legend.labels.color = colour("--body-fg");
    chart.update("none");
  }

  function draw(table) {
    const figure = table.closest("figure");
    const canvas = figure.querySelector("canvas");
    const { labels, series } = read(table);
    const chart = new Chart(canvas, {
      type: "bar",
      data: { labels, datasets: series.map(({ label, data }) => ({ label, data })) },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { stacked: true, grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 16 } },
          y: { stacked: true, beginAtZero: true, suggestedMax: 1, ticks: { precision: 0, maxTicksLimit: 5 }, grid: {}, border: { display: false } },
        },
        plugins: { legend: { align: "start", labels: { boxWidth: 12, boxHeight: 12 } } },
      },
    });
    const again = () => paint(chart, series);
    again();
    new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme", "class"] });
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
