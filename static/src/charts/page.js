// The charts of /analytics. The same rows stand below each one as a table; a press leads to the rows behind a figure.
import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { OPTIONS } from "./options.js";

use([BarChart, HeatmapChart, LineChart, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent, SVGRenderer]);

export function startAnalytics(document, root) {
  const tables = JSON.parse(document.getElementById("analytics-data").textContent);
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const charts = [...root.querySelectorAll("[data-chart]")].map((place) => {
    const chart = init(place, null, { renderer: "svg" });
    const table = tables[place.dataset.chart];
    chart.on("click", ({ dataIndex, data }) => open(table, data?.row ?? dataIndex));
    return { chart, table };
  });
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const ink = (name) => style.getPropertyValue(`--${name}`).trim();
    for (const { chart, table } of charts) {
      chart.setOption({ animation: !isStill, animationDuration: 200, ...OPTIONS[table.chart](table, ink) }, true);
    }
  };
  draw();
  addEventListener("resize", () => charts.forEach(({ chart }) => chart.resize()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

function open(table, index) {
  const href = table.rows[index]?.href;
  if (href) location.assign(href);
}
