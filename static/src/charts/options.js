// How each kind of table is drawn, in the tokens of the theme. `ink(name)` is a token's colour.

const text = (ink) => ({ color: ink("muted"), fontFamily: "Inter Variable, system-ui, sans-serif", fontSize: 12 });

function tooltip(ink, more = {}) {
  return {
    backgroundColor: ink("raised"), borderColor: ink("line-strong"), borderWidth: 1, padding: [6, 10], renderMode: "richText",
    textStyle: { ...text(ink), color: ink("text") }, ...more,
  };
}

function axis(ink, more) {
  return {
    axisLabel: text(ink), axisTick: { show: false }, axisLine: { lineStyle: { color: ink("line-strong") } },
    splitLine: { lineStyle: { color: ink("line") } }, ...more,
  };
}

// Days down, hours across, the busier the stronger.
function heat({ rows }, ink) {
  const days = [...new Set(rows.map(({ cells }) => cells[0]))];
  const hours = [...new Set(rows.map(({ cells }) => cells[1]))];
  const most = Math.max(1, ...rows.map(({ cells }) => cells[2]));
  const data = rows.map(({ cells: [day, hour, count] }, row) => ({
    value: [hours.indexOf(hour), days.indexOf(day), count], row,
  }));
  return {
    grid: { left: 84, right: 8, top: 8, bottom: 28 },
    tooltip: tooltip(ink, { formatter: ({ value: [hour, day, count] }) => `${days[day]} ${hours[hour]}: ${count}` }),
    visualMap: { show: false, min: 0, max: most, inRange: { color: [ink("sunken"), ink("accent")] } },
    xAxis: axis(ink, { type: "category", data: hours, splitLine: { show: false }, axisLine: { show: false } }),
    yAxis: axis(ink, { type: "category", data: days, inverse: true, splitLine: { show: false }, axisLine: { show: false } }),
    series: [{
      type: "heatmap", data, label: { show: false },
      itemStyle: { borderColor: ink("raised"), borderWidth: 2, borderRadius: 3 },
    }],
  };
}

function line({ columns, rows }, ink) {
  const series = (column, color, more) => ({
    type: "line", name: columns[column], data: rows.map(({ cells }) => cells[column]), smooth: false, showSymbol: rows.length < 40,
    symbolSize: 5, lineStyle: { color, width: 2 }, itemStyle: { color }, ...more,
  });
  return {
    grid: { left: 36, right: 12, top: 32, bottom: 24 },
    legend: { top: 0, left: 0, textStyle: text(ink), itemWidth: 14, itemHeight: 8 },
    tooltip: tooltip(ink, { trigger: "axis" }),
    xAxis: axis(ink, { type: "category", data: rows.map(({ cells }) => cells[0]), boundaryGap: false, splitLine: { show: false } }),
    yAxis: axis(ink, { type: "value", minInterval: 1, axisLine: { show: false } }),
    series: [series(1, ink("accent")), series(2, ink("ok"), { lineStyle: { color: ink("ok"), width: 2, type: "dashed" } })],
  };
}

function bars({ rows }, ink) {
  return {
    grid: { left: 8, right: 40, top: 4, bottom: 4, containLabel: true },
    tooltip: tooltip(ink),
    xAxis: axis(ink, { type: "value", show: false }),
    yAxis: axis(ink, { type: "category", inverse: true, data: rows.map(({ cells }) => cells[0]), axisLine: { show: false } }),
    series: [{
      type: "bar", data: rows.map(({ cells }) => cells[1]), barMaxWidth: 18, itemStyle: { color: ink("accent"), borderRadius: 3 },
      label: { show: true, position: "right", ...text(ink), color: ink("text") },
    }],
  };
}

function columns({ rows }, ink) {
  return {
    grid: { left: 8, right: 8, top: 24, bottom: 24 },
    tooltip: tooltip(ink),
    xAxis: axis(ink, { type: "category", data: rows.map(({ cells }) => cells[0]), splitLine: { show: false } }),
    yAxis: axis(ink, { type: "value", show: false }),
    series: [{
      type: "bar", data: rows.map(({ cells }) => cells[1]), barMaxWidth: 56, itemStyle: { color: ink("live"), borderRadius: [3, 3, 0, 0] },
      label: { show: true, position: "top", ...text(ink), color: ink("text") },
    }],
  };
}

// Bars that grow shorter: the share of all enquiries stands beside each.
function funnel(table, ink) {
  const drawn = bars(table, ink);
  drawn.series[0].label.formatter = ({ dataIndex, value }) => `${value} · ${table.rows[dataIndex].cells[2]} %`;
  drawn.grid.right = 80;
  return drawn;
}

export const OPTIONS = { heat, line, bars, columns, funnel };
