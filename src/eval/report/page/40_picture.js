// The frame of a picture: an SVG with the colours of the scheme written into it, so that a saved one looks the
// same, and buttons that save it and its data.
function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {ground: read('--ground'), text: read('--text'), quiet: read('--quiet'), line: read('--line'), accent: read('--accent')};
}

function savePng(svg, name) {
  const scale = 2, width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement('canvas');
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(`${name}.png`, blob), 'image/png');
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(svg, width, height))}`;
}

function svgText(svg, width, height) {
  const copy = svg.cloneNode(true);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', width);
  copy.setAttribute('height', height);
  return new XMLSerializer().serializeToString(copy);
}

// draw(svg, width, colours) fills the picture and returns {height, records}; null: nothing to show.
function picture(parent, title, text, draw) {
  const section = element(parent, 'section');
  element(section, 'h2', {}, title);
  element(section, 'p', {}, text);
  const figure = element(section, 'figure', {'data-picture': title});
  const tools = element(figure, 'div', {class: 'tools'});
  const width = Math.max(figure.clientWidth - 22, 260);
  const scheme = colours();
  const svg = d3.select(figure).append('svg').attr('role', 'img').attr('aria-label', title)
      .attr('font-family', 'system-ui, "DejaVu Sans", sans-serif').attr('font-size', 11);
  const ground = svg.append('rect').attr('fill', scheme.ground);
  const drawn = draw(svg, width, scheme);
  if (drawn === null) {
    figure.remove();
    element(section, 'p', {class: 'empty'}, 'These results have no figures for this picture.');
    return;
  }
  svg.attr('viewBox', `0 0 ${width} ${drawn.height}`);
  ground.attr('width', width).attr('height', drawn.height);
  const name = fileName(title);
  const tool = (label, action) => element(tools, 'button', {type: 'button', 'data-save': label}, label)
      .addEventListener('click', action);
  tool('SVG', () => save(`${name}.svg`, new Blob([svgText(svg.node(), width, drawn.height)], {type: 'image/svg+xml'})));
  tool('PNG', () => savePng(svg.node(), name));
  tool('CSV', () => save(`${name}.csv`, new Blob([csvText(drawn.records)], {type: 'text/csv'})));
}

function styleAxis(axis, scheme) {
  axis.selectAll('text').attr('fill', scheme.quiet);
  axis.selectAll('line, path').attr('stroke', scheme.line);
  return axis;
}

// Each method has one colour and one mark in all pictures.
function markOf(method) {
  const methods = unique(DATA.rows.map((row) => row.method));
  const place = methods.indexOf(method);
  return {colour: d3.schemeTableau10[place % 10], symbol: d3.symbols[Math.floor(place / 10) % d3.symbols.length]};
}

function symbolPath(method, size) { return d3.symbol().type(markOf(method).symbol).size(size)(); }

// Below a plot, in as many columns as fit; returns its height.
function legend(svg, methods, left, top, width, scheme) {
  const column = Math.min(Math.max(...methods.map((method) => method.length)) * 6.4 + 26, width);
  const columns = Math.max(Math.floor(width / column), 1);
  methods.forEach((method, i) => {
    const entry = svg.append('g').attr('transform',
        `translate(${left + (i % columns) * column + 6},${top + Math.floor(i / columns) * 16 + 8})`);
    entry.append('path').attr('d', symbolPath(method, 48)).attr('fill', markOf(method).colour);
    entry.append('text').attr('x', 10).attr('dy', '0.35em').attr('fill', scheme.text).text(method);
  });
  return Math.ceil(methods.length / columns) * 16 + 8;
}
