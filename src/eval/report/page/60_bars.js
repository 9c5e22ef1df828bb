// Bars of the methods at one budget: a panel for each figure.
function barPanels() {
  const panels = kindsOfTask().map((kind) => ({
    key: kind.key, title: kind.title, higher: kind.higher, value: (row) => valueOf(row, kind.key),
    bounds: (row) => (row.figures[kind.key] ? row.figures[kind.key].value.slice(1) : [null, null]),
    scale: kind.scale, shown: (value) => shownValue(kind, value)}));
  if (!panels.some((panel) => panel.key === 'tokens_per_second') && rowsAtBudget().some((row) => speedOf(row))) {
    panels.push({key: 'tokens_per_second', title: 'tokens per second', higher: true, value: speedOf, bounds: () => [null, null], scale: 1,
                 shown: (value) => plain(value, 1)});
  }
  panels.push({key: 'bytes', title: 'cache bytes', higher: false, value: (row) => row.bytes, bounds: () => [null, null], scale: 1, shown: shownBytes});
  return panels.filter((panel) => rowsAtBudget().some((row) => panel.value(row) !== undefined));
}

function drawPanel(group, panel, rows, width, names, scheme) {
  const line = 17;
  group.append('text').attr('x', 0).attr('y', 10).attr('fill', scheme.text).attr('font-weight', 600)
      .text(width < 300 && panel.title.length > 38 ? panel.key.replace(/_/g, ' ') : panel.title);
  // Bars start at 0, which log-probabilities lie left of.
  const [least, most] = d3.extent(rows.flatMap((row) => [panel.value(row), ...panel.bounds(row)]).filter((value) => value !== null));
  const low = Math.min(0, least), high = Math.max(0, most);
  const x = d3.scaleLinear().domain([low, high === low ? 1 : high]).range([names, width - 52]);
  rows.forEach((row, i) => {
    const value = panel.value(row), y = 18 + i * line;
    group.append('text').attr('x', names - 6).attr('y', y + 11).attr('text-anchor', 'end').attr('fill', scheme.text)
        .attr('font-weight', isFull(row) ? 700 : 400).text(row.method);
    if (value === undefined) return;
    const from = Math.min(x(0), x(value)), size = Math.max(Math.abs(x(value) - x(0)), 1);
    group.append('rect').attr('class', 'bar').attr('x', from).attr('y', y + 2).attr('width', size).attr('height', line - 4)
        .attr('fill', markOf(row.method).colour).attr('fill-opacity', 0.85).append('title').text(`${named(row)}: ${panel.shown(value)}`);
    const [lower, upper] = panel.bounds(row);
    if (lower !== null && lower !== undefined) {
      group.append('line').attr('x1', x(lower)).attr('x2', x(upper)).attr('y1', y + line / 2).attr('y2', y + line / 2)
          .attr('stroke', scheme.text).attr('stroke-opacity', 0.6);
    }
    const end = upper === null || upper === undefined ? Math.max(x(value), x(0)) : Math.max(x(upper), x(0));
    group.append('text').attr('x', end + 4).attr('y', y + 11).attr('fill', scheme.quiet).text(panel.shown(value));
  });
}

function bars(svg, width, scheme) {
  const rows = rowsAtBudget();
  const panels = barPanels();
  if (rows.length === 0 || panels.length === 0) return null;
  const names = Math.min(Math.max(...rows.map((row) => row.method.length)) * 6.4 + 10, 170);
  const columns = Math.max(Math.min(Math.floor(width / (names + 190)), 3), 1);
  const panelWidth = width / columns, panelHeight = 18 + rows.length * 17 + 18;
  panels.forEach((panel, i) => {
    const group = svg.append('g').attr('transform', `translate(${(i % columns) * panelWidth},${Math.floor(i / columns) * panelHeight + 4})`);
    drawPanel(group, panel, rows, panelWidth - 8, names, scheme);
  });
  const records = rows.map((row) => Object.fromEntries([['method', row.method], ['budget', row.budget],
    ...panels.map((panel) => [panel.key, panel.value(row)])]));
  return {height: Math.ceil(panels.length / columns) * panelHeight + 4, records};
}

// What of the full cache's quality is left, in percent, for each percent of its bytes.
function qualityShare(row) {
  const full = fullRow();
  if (!full) return undefined;
  const ratio = (key, of) => (valueOf(row, key) === undefined || valueOf(full, key) === undefined ? undefined : of(valueOf(row, key), valueOf(full, key)));
  const perplexity = ratio('perplexity', (own, all) => all / own), accuracy = ratio('accuracy', (own, all) => (all ? own / all : undefined));
  if (perplexity !== undefined && accuracy !== undefined) return perplexity * accuracy;
  if (perplexity !== undefined) return perplexity;
  const higher = STATE.figure === 'log_probability' ? ratio('log_probability', (own, all) => Math.exp(own - all))
    : ratio(STATE.figure, (own, all) => (all ? (KINDS.get(STATE.figure).higher ? own / all : all / own) : undefined));
  return higher;
}

function efficiency(svg, width, scheme) {
  const full = fullRow();
  const rows = listedRows().filter((row) => qualityShare(row) !== undefined && full && row.bytes > 0);
  if (rows.length === 0) return null;
  const value = (row) => qualityShare(row) / (row.bytes / full.bytes);
  const listed = rows.slice().sort((a, b) => value(b) - value(a));
  const names = Math.min(Math.max(...listed.map((row) => named(row).length)) * 6.4 + 10, 220);
  const panel = {key: 'efficiency', title: 'share of quality for each share of bytes (full cache: 1)', value, bounds: () => [null, null],
                 shown: (number) => plain(number, 2)};
  drawPanel(svg.append('g').attr('transform', 'translate(0,4)'), panel,
            listed.map((row) => ({...row, method: row.method, toString: () => named(row)})), width - 8, names, scheme);
  svg.selectAll('text[text-anchor=end]').data(listed).text((row) => named(row));
  return {height: listed.length * 17 + 30, records: listed.map((row) => (
    {method: row.method, budget: row.budget, bytes: row.bytes, quality_share: qualityShare(row), efficiency: value(row)}))};
}
