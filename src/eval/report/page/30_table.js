// A sortable table of the task's rows; its data can be saved as CSV.
const SORT = {column: null, ascending: true};

function figureColumns(kind) {
  const entry = (row) => row.figures[kind.key];
  const bounds = (list) => (list[1] === null ? '' : ` [${shownValue(kind, list[1])}, ${shownValue(kind, list[2])}]`);
  const cell = (list, marked) => (parent) => {
    if (!list) return;
    const sign = list[1] > 0 ? 1 : list[2] < 0 ? -1 : 0;
    const verdict = !marked || list[1] === null || sign === 0 ? '' : (sign > 0) === kind.higher ? 'better' : 'worse';
    element(parent, 'span', {class: verdict}, (marked && list[0] > 0 ? '+' : '') + shownValue(kind, list[0]));
    element(parent, 'span', {class: 'interval'}, bounds(list));
  };
  const columns = [{
    title: kind.title, value: (row) => entry(row) && entry(row).value[0],
    draw: (parent, row) => entry(row) && cell(entry(row).value, false)(parent)}];
  for (const [key, name] of [['to_full', 'minus full'], ['to_random', 'minus random']]) {
    if (TIMES.includes(kind.key) && key === 'to_random') continue;
    if (!rowsOfTask().some((row) => entry(row) && entry(row)[key])) continue;
    columns.push({
      title: `${kind.key.replace(/_/g, ' ')} ${name}`, value: (row) => entry(row) && entry(row)[key] && entry(row)[key][0],
      draw: (parent, row) => entry(row) && cell(entry(row)[key], true)(parent)});
  }
  return columns;
}

function tableColumns() {
  const number = (title, value, shown) => ({title, value, draw: (parent, row) => {
    const found = value(row);
    parent.append(found === undefined || found === null ? '' : shown(found));
  }});
  const columns = [
    number('method', (row) => row.method, String),
    number('budget', (row) => row.budget, String),
    number('samples', (row) => row.samples, String),
    number('cache', (row) => row.bytes, shownBytes),
    number('smaller', (row) => row.ratio, (value) => `${value.toFixed(2)}x`),
    number('bits a number', (row) => row.bits, (value) => value.toFixed(2))];
  for (const kind of kindsOfTask()) columns.push(...figureColumns(kind));
  if (!kindsOfTask().some((kind) => kind.key === 'ttft_ms') && rowsOfTask().some((row) => row.time.ttft_ms)) {
    columns.push(number('time to first token, ms', (row) => row.time.ttft_ms, (value) => value.toFixed(0)));
  }
  if (rowsOfTask().some((row) => row.time.compress_ms)) {
    columns.push(number('of it compressing, ms', (row) => row.time.compress_ms, (value) => value.toFixed(1)));
  }
  for (const name of unique(rowsOfTask().flatMap((row) => Object.keys(row.claimed || {})))) {
    columns.push(number(`claimed ${name}`, (row) => row.claimed && row.claimed[name], String));
  }
  return columns;
}

function sorted(rows, columns) {
  const column = columns.find((candidate) => candidate.title === SORT.column);
  if (!column) return rows;
  const missing = (value) => value === undefined || value === null || value === '';
  return rows.slice().sort((a, b) => {
    const x = column.value(a), y = column.value(b);
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    const order = typeof x === 'string' ? x.localeCompare(y, undefined, {numeric: true}) : x - y;
    return SORT.ascending ? order : -order;
  });
}

function drawTable(parent) {
  const columns = tableColumns();
  const tools = element(parent, 'div', {class: 'tools'});
  element(tools, 'button', {type: 'button'}, 'CSV').addEventListener('click', () => {
    const records = shownRows().map((row) => Object.fromEntries(columns.map((column) => [column.title, column.value(row)])));
    save(`${fileName('table')}.csv`, new Blob([csvText(records)], {type: 'text/csv'}));
  });
  const table = element(element(parent, 'div', {class: 'scroll', tabindex: '0'}), 'table', {id: 'results'});
  const header = element(element(table, 'thead'), 'tr');
  for (const column of columns) {
    const cell = element(header, 'th', {scope: 'col'});
    if (column.title === SORT.column) cell.setAttribute('aria-sort', SORT.ascending ? 'ascending' : 'descending');
    element(cell, 'button', {type: 'button'}, column.title).addEventListener('click', () => {
      SORT.ascending = SORT.column === column.title ? !SORT.ascending : true;
      SORT.column = column.title;
      drawAll();
    });
  }
  const body = element(table, 'tbody');
  for (const row of sorted(shownRows(), columns)) {
    const line = element(body, 'tr', {class: isFull(row) ? 'full' : ''});
    for (const column of columns) column.draw(element(line, 'td'), row);
  }
}
