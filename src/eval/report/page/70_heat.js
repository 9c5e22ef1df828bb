// Heat maps: kept share by layer and head, kept positions, and differences to the full cache.
function colourKey(svg, left, top, width, scheme, low, high, shown, interpolate) {
  const steps = 40;
  for (let i = 0; i < steps; i++) {
    svg.append('rect').attr('x', left + (i * width) / steps).attr('y', top).attr('width', width / steps + 0.5).attr('height', 8)
        .attr('fill', interpolate(i / (steps - 1)));
  }
  svg.append('text').attr('x', left).attr('y', top + 20).attr('fill', scheme.quiet).text(shown(low));
  svg.append('text').attr('x', left + width).attr('y', top + 20).attr('text-anchor', 'end').attr('fill', scheme.quiet).text(shown(high));
}

const percent = (value) => `${(100 * value).toFixed(0)} %`;
const nameWidth = (names, width) => Math.min(Math.max(...names.map((name) => name.length)) * 6.4 + 10, width * 0.42);

function axisBelow(svg, scale, y, values, title, scheme) {
  const axis = d3.axisBottom(scale).tickValues(values).tickSizeOuter(0);
  styleAxis(svg.append('g').attr('transform', `translate(0,${y})`).call(axis), scheme).select('.domain').remove();
  svg.append('text').attr('x', d3.max(scale.range())).attr('y', y + 30).attr('text-anchor', 'end').attr('fill', scheme.quiet).text(title);
}

function keptByHead(svg, width, scheme) {
  const rows = rowsAtBudget().filter((row) => row.kept && row.kept.heads && row.kept.heads.length > 0 && !isFull(row));
  if (rows.length === 0) return null;
  const layers = d3.max(rows, (row) => row.kept.heads.length), heads = d3.max(rows, (row) => row.kept.heads[0].length);
  const left = nameWidth(rows.map((row) => row.method), width), line = Math.max(Math.ceil(14 / heads), 3), gap = 4;
  const x = d3.scaleBand().domain(d3.range(layers)).range([left, width - 6]);
  const most = d3.max(rows, (row) => d3.max(row.kept.heads, (layer) => d3.max(layer))) || 1;
  const colour = d3.scaleSequential(d3.interpolateViridis).domain([0, most]);
  const records = [];
  rows.forEach((row, i) => {
    const top = i * (heads * line + gap) + 2;
    svg.append('text').attr('x', left - 6).attr('y', top + (heads * line) / 2).attr('dy', '0.35em').attr('text-anchor', 'end')
        .attr('fill', scheme.text).text(row.method);
    row.kept.heads.forEach((shares, layer) => shares.forEach((share, head) => {
      records.push({method: row.method, budget: row.budget, layer, head, share});
      svg.append('rect').attr('class', 'cell').attr('x', x(layer)).attr('y', top + head * line).attr('width', Math.max(x.bandwidth() - 0.5, 0.5))
          .attr('height', line - 0.3).attr('fill', colour(share)).append('title').text(`${row.method}, layer ${layer}, head ${head}: ${percent(share)}`);
    }));
  });
  const bottom = rows.length * (heads * line + gap) + 4;
  axisBelow(svg, x, bottom, d3.range(0, layers, Math.max(Math.ceil(layers / ((width - left) / 26)), 1)), 'layer; a line for each KV head', scheme);
  colourKey(svg, 6, bottom + 18, Math.max(left - 20, 60), scheme, 0, most, percent, d3.interpolateViridis);
  return {height: bottom + 44, records};
}

function keptPositions(svg, width, scheme) {
  const rows = rowsAtBudget().filter((row) => row.kept && row.kept.positions && row.kept.positions.length > 0 && !isFull(row));
  if (rows.length === 0) return null;
  const bins = rows[0].kept.positions.length, line = 14;
  const left = nameWidth(rows.map((row) => row.method), width);
  const x = d3.scaleLinear().domain([0, 100]).range([left, width - 10]);
  const colour = d3.scaleSequential(d3.interpolateViridis).domain([0, 1]);
  const records = [];
  rows.forEach((row, i) => {
    svg.append('text').attr('x', left - 6).attr('y', i * (line + 3) + line / 2 + 2).attr('dy', '0.35em').attr('text-anchor', 'end')
        .attr('fill', scheme.text).text(row.method);
    row.kept.positions.forEach((share, bin) => {
      records.push({method: row.method, budget: row.budget, from_percent: (100 * bin) / bins, share});
      svg.append('rect').attr('class', 'cell').attr('x', x((100 * bin) / bins)).attr('y', i * (line + 3) + 2).attr('width', (width - 10 - left) / bins + 0.3)
          .attr('height', line).attr('fill', colour(share)).append('title').text(`${row.method}, ${((100 * bin) / bins).toFixed(0)} % into the context: ${percent(share)} kept`);
    });
  });
  const bottom = rows.length * (line + 3) + 4;
  axisBelow(svg, x, bottom, [0, 25, 50, 75, 100], '% into the context', scheme);
  colourKey(svg, 6, bottom + 18, Math.max(left - 20, 60), scheme, 0, 1, percent, d3.interpolateViridis);
  return {height: bottom + 44, records};
}

// Relative to the full cache in percent of it; better is one colour and worse the other.
function deltaColumns() {
  const full = fullRow();
  if (!full) return [];
  const columns = kindsOfTask().filter((kind) => valueOf(full, kind.key)).map((kind) => ({
    title: kind.key === 'log_probability' ? 'probability of a token' : kind.key.replace(/_/g, ' '), higher: kind.higher, value: (row) => {
      const own = valueOf(row, kind.key), all = valueOf(full, kind.key);
      if (own === undefined) return undefined;
      // A log-probability has no natural zero; the probability of a token has.
      return kind.key === 'log_probability' ? 100 * (Math.exp(own - all) - 1) : (100 * (own - all)) / Math.abs(all);
    }}));
  if (!columns.some((column) => column.title === 'tokens per second') && speedOf(full)) {
    columns.push({title: 'tokens per second', higher: true, value: (row) => (speedOf(row) ? 100 * (speedOf(row) / speedOf(full) - 1) : undefined)});
  }
  columns.push({title: 'cache bytes', higher: false, value: (row) => 100 * (row.bytes / full.bytes - 1)});
  return columns;
}

function deltas(svg, width, scheme) {
  const columns = deltaColumns(), rows = listedRows().filter((row) => !isFull(row));
  if (columns.length === 0 || rows.length === 0) return null;
  const left = nameWidth(rows.map(named), width), line = 18, top = 20;
  const x = d3.scaleBand().domain(columns.map((column) => column.title)).range([left, width - 2]).padding(0.03);
  const worst = 60;
  const colour = (column, value) => d3.interpolatePRGn(0.5 + 0.42 * Math.max(-1, Math.min(1, (column.higher ? value : -value) / worst)));
  const narrow = x.bandwidth() < 76;
  columns.forEach((column) => svg.append('text').attr('x', x(column.title) + x.bandwidth() / 2).attr('y', 12).attr('text-anchor', 'middle')
      .attr('font-size', narrow ? 8.5 : 11).attr('fill', scheme.quiet).text(narrow ? column.title.replace('tokens per second', 'tokens/s').replace('probability of a token', 'probability') : column.title));
  rows.forEach((row, i) => {
    svg.append('text').attr('x', left - 6).attr('y', top + i * line + line / 2).attr('dy', '0.35em').attr('text-anchor', 'end').attr('fill', scheme.text)
        .attr('font-size', left >= width * 0.42 - 1 ? 9.5 : 11).text(named(row));
    for (const column of columns) {
      const value = column.value(row);
      if (value === undefined) continue;
      svg.append('rect').attr('class', 'cell').attr('x', x(column.title)).attr('y', top + i * line).attr('width', x.bandwidth()).attr('height', line - 1)
          .attr('fill', colour(column, value));
      svg.append('text').attr('x', x(column.title) + x.bandwidth() / 2).attr('y', top + i * line + line / 2).attr('dy', '0.35em').attr('text-anchor', 'middle')
          .attr('fill', Math.abs(value) > worst * 0.75 ? '#ffffff' : '#111111').text(`${value > 0 ? '+' : ''}${value.toFixed(1)}`);
    }
  });
  const records = rows.map((row) => Object.fromEntries([['method', row.method], ['budget', row.budget],
    ...columns.map((column) => [`${column.title}, % of full`, column.value(row)])]));
  return {height: top + rows.length * line + 4, records};
}
