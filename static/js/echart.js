/* Charts by ECharts from an option in JSON: our colours and fonts, and a tooltip drawn on the canvas, because one made of
   HTML carries style attributes that the Content-Security-Policy refuses. */
import * as echarts from "../vendor/echarts/echarts.esm.min.js";
import { readSource } from "./api.js";
import { onTheme, seriesColour, token } from "./palette.js";

function theme() {
  const axis = {
    axisLine: { lineStyle: { color: token("--line-strong") } },
    axisTick: { show: false },
    axisLabel: { color: token("--chart-axis"), fontSize: 11 },
    nameTextStyle: { color: token("--chart-axis"), fontSize: 11 },
    splitLine: { lineStyle: { color: token("--chart-grid") } },
  };
  return {
    color: Array.from({ length: 8 }, (_, index) => seriesColour(index)),
    backgroundColor: "transparent",
    textStyle: { fontFamily: token("--font-sans"), color: token("--ink-2"), fontSize: 12 },
    title: { textStyle: { color: token("--ink"), fontSize: 13, fontWeight: 600 } },
    legend: { textStyle: { color: token("--ink-2"), fontSize: 12 }, icon: "roundRect", itemWidth: 12, itemHeight: 8 },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: axis,
    logAxis: axis,
    timeAxis: axis,
    visualMap: { textStyle: { color: token("--ink-2") } },
  };
}

export default async function echart(box) {
  const option = await readSource(box);
  const target = box.querySelector(".echart");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let chart = null;
  function draw() {
    chart?.dispose();
    chart = echarts.init(target, theme(), { renderer: "canvas" });
    const series = option.series?.map(({ tone, ...one }) => (tone ? { itemStyle: { color: token(`--${tone}`) }, ...one } : one));
    chart.setOption({
      grid: { left: 8, right: 16, top: 32, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      animation: !still,
      ...option,
      ...(series && { series }),
      tooltip: {
        trigger: "axis", backgroundColor: token("--raised"), borderColor: token("--line-strong"), textStyle: { color: token("--ink"), fontSize: 12 }, ...option.tooltip, renderMode: "richText",
      },
    });
    /* A bar or point that carries an address leads there. */
    chart.on("click", ({ data }) => { if (data?.url) location.assign(data.url); });
  }
  draw();
  const watcher = new ResizeObserver(() => chart.resize());
  watcher.observe(target);
  onTheme(draw);
  box.addEventListener("module:stop", () => { watcher.disconnect(); document.removeEventListener("theme:change", draw); chart.dispose(); });
}
