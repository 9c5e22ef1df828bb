// Points of methods and budgets over two axes, with intervals and the front of those that no other beats.
function front(points, higher) {
  const better = (a, b) => (higher ? a > b : a < b);
  const ordered = points.slice().sort((a, b) => a.x - b.x || (better(a.y, b.y) ? -1 : 1));
  const kept = [];
  for (const point of ordered) {
    if (kept.length === 0 || better(point.y, kept[kept.length - 1].y)) kept.push(point);
  }
  return kept;
}

function padded(values, share) {
  const [low, high] = d3.extent(values);
  const room = (high - low || Math.abs(high) || 1) * share;
  return [low - room, high + room];
}

function scatterAxes(svg, options, scales, box, scheme) {
  const ticks = Math.max(Math.floor((box.right - box.left) / 90), 2);
  let bottom = d3.axisBottom(scales.x).ticks(ticks, options.shownX).tickSizeOuter(0);
  if (options.log) {
    const [low, high] = scales.x.domain();
    const values = d3.range(ticks + 1).map((i) => low * Math.pow(high / low, i / ticks));
    bottom = d3.axisBottom(scales.x).tickValues(values).tickFormat(options.shownX).tickSizeOuter(0);
  } else if (options.shownX) {
    bottom = bottom.tickFormat(options.shownX);
  }
  styleAxis(svg.append('g').attr('transform', `translate(0,${box.bottom})`).call(bottom), scheme);
  const left = d3.axisLeft(scales.y).ticks(6).tickSize(-(box.right - box.left)).tickSizeOuter(0);
  styleAxis(svg.append('g').attr('transform', `translate(${box.left},0)`).call(left), scheme).select('.domain').remove();
  svg.append('text').attr('x', box.right).attr('y', box.bottom + 32).attr('text-anchor', 'end').attr('fill', scheme.quiet)
      .text(options.titleX);
  svg.append('text').attr('x', 4).attr('y', 12).attr('fill', scheme.quiet).text(options.titleY);
}

function drawPoints(svg, points, scales) {
  const scaled = svg.append('g');
  // Equal bytes are the rule, so points with the same x stand side by side.
  const methods = unique(points.map((point) => point.method));
  const step = points.some((point) => point.low !== undefined) ? Math.min(6, 46 / methods.length) : 0;
  for (const point of points) {
    const beside = methods.filter((method) => points.some((other) => other.method === method && other.x === point.x));
    const colour = markOf(point.method).colour;
    const x = scales.x(point.x) + step * (beside.indexOf(point.method) - (beside.length - 1) / 2);
    if (point.low !== undefined && point.low !== null) {
      scaled.append('line').attr('x1', x).attr('x2', x).attr('y1', scales.y(point.low)).attr('y2', scales.y(point.high))
          .attr('stroke', colour).attr('stroke-opacity', 0.35).attr('stroke-width', 2);
    }
    scaled.append('path').attr('d', symbolPath(point.method, point.size || 60)).attr('class', 'point')
        .attr('transform', `translate(${x},${scales.y(point.y)})`).attr('fill', colour).attr('fill-opacity', 0.9)
        .append('title').text(point.title);
  }
}

// points: {x, y, low, high, size, method, title}
function scatter(svg, width, scheme, points, options) {
  if (points.length === 0) return null;
  const box = {left: 52, right: width - 24, top: 24, bottom: 24 + Math.min(Math.max(width * 0.45, 220), 400)};
  const ys = points.flatMap((point) => [point.y, point.low, point.high]).filter((value) => typeof value === 'number');
  const xs = points.map((point) => point.x);
  const x = options.log ? d3.scaleLog().domain([d3.min(xs) / 1.1, d3.max(xs) * 1.1]) : d3.scaleLinear().domain(padded(xs, 0.06));
  const scales = {x: x.range([box.left, box.right]), y: d3.scaleLinear().domain(padded(ys, 0.06)).range([box.bottom, box.top])};
  scatterAxes(svg, options, scales, box, scheme);
  if (options.higher !== undefined) {
    const line = d3.line().x((point) => scales.x(point.x)).y((point) => scales.y(point.y)).curve(d3.curveStepAfter);
    svg.append('path').attr('class', 'front').attr('d', line(front(points, options.higher))).attr('fill', 'none')
        .attr('stroke', scheme.accent).attr('stroke-dasharray', '5 3').attr('stroke-width', 1.5);
  }
  drawPoints(svg, points, scales);
  const below = legend(svg, unique(points.map((point) => point.method)), 6, box.bottom + 42, width - 12, scheme);
  return {height: box.bottom + 44 + below, records: points.map((point) => point.record)};
}

function qualityAgainstBytes(svg, width, scheme) {
  const kind = KINDS.get(STATE.figure);
  const points = shownRows().filter((row) => row.figures[kind.key] && row.bytes > 0).map((row) => {
    const [mean, low, high] = row.figures[kind.key].value.map((value) => (value === null ? null : value * kind.scale));
    return {x: row.bytes, y: mean, low, high, method: row.method, record: {method: row.method, budget: row.budget, bytes: row.bytes, [kind.key]: mean, low, high},
            title: `${named(row)}: ${plain(mean, kind.decimals)}, ${shownBytes(row.bytes)}`};
  });
  return scatter(svg, width, scheme, points, {log: true, shownX: shownBytes, titleX: 'cache bytes', titleY: kind.title, higher: kind.higher});
}

function speedAgainstBytes(svg, width, scheme) {
  const decoded = shownRows().some((row) => speedOf(row));
  const value = decoded ? speedOf : (row) => row.time.ttft_ms;
  const title = decoded ? 'tokens per second while answering' : 'time to first token, ms';
  const points = shownRows().filter((row) => value(row) > 0 && row.bytes > 0).map((row) => ({
    x: row.bytes, y: value(row), method: row.method, title: `${named(row)}: ${plain(value(row), 1)}, ${shownBytes(row.bytes)}`,
    record: {method: row.method, budget: row.budget, bytes: row.bytes, [title]: value(row)}}));
  return scatter(svg, width, scheme, points, {log: true, shownX: shownBytes, titleX: 'cache bytes', titleY: title, higher: decoded});
}

function qualityAgainstSpeed(svg, width, scheme) {
  const kind = KINDS.get(STATE.figure);
  const largest = d3.max(shownRows(), (row) => row.bytes) || 1;
  const points = shownRows().filter((row) => row.figures[kind.key] && speedOf(row) > 0).map((row) => ({
    x: speedOf(row), y: valueOf(row, kind.key) * kind.scale, size: 30 + 170 * (row.bytes / largest), method: row.method,
    record: {method: row.method, budget: row.budget, tokens_per_second: speedOf(row), [kind.key]: valueOf(row, kind.key) * kind.scale, bytes: row.bytes},
    title: `${named(row)}: ${shownValue(kind, valueOf(row, kind.key))}, ${plain(speedOf(row), 1)} tokens/s, ${shownBytes(row.bytes)}`}));
  return scatter(svg, width, scheme, points, {titleX: 'tokens per second', titleY: kind.title});
}
