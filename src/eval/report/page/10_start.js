'use strict';
// The results, what is chosen, and how figures are looked up and written.
const DATA = JSON.parse(document.getElementById('data').textContent);
const KINDS = new Map(DATA.kinds.map((kind) => [kind.key, kind]));
const TIMES = ['ttft_ms', 'tpot_ms', 'tokens_per_second'];
const unique = (values) => Array.from(new Set(values));
const STATE = {model: null, label: null, figure: null, budget: null, hidden: new Set()};

const rowsOfTask = () => DATA.rows.filter((row) => row.model === STATE.model && row.label === STATE.label);
const shownRows = () => rowsOfTask().filter((row) => !STATE.hidden.has(row.method));
const isFull = (row) => row.recipe === 'full';
const fullRow = () => rowsOfTask().find(isFull);
// The chosen budget's rows, and those that have no budget of the suite's (full among them).
const rowsAtBudget = () => shownRows().filter((row) => row.budget === STATE.budget || row.budget === '');

// All budgets while a picture with a line for each row can hold them, else the chosen one.
const listedRows = () => (shownRows().length > 40 ? rowsAtBudget() : shownRows());

const valueOf = (row, key) => (row && row.figures[key] ? row.figures[key].value[0] : undefined);
const kindsOfTask = () => DATA.kinds.filter((kind) => rowsOfTask().some((row) => row.figures[kind.key]));
const qualityKinds = () => kindsOfTask().filter((kind) => !TIMES.includes(kind.key));

// Speed is often measured by a task of its own: the same model, method and budget there.
function speedOf(row) {
  const own = valueOf(row, 'tokens_per_second');
  if (own !== undefined) return own;
  const other = DATA.rows.find((candidate) => candidate.model === row.model && candidate.method === row.method &&
      candidate.budget === row.budget && candidate.figures.tokens_per_second);
  return other ? valueOf(other, 'tokens_per_second') : row.time.tokens_per_second;
}

const plain = (value, decimals) => (value === null || value === undefined ? '' : value.toFixed(decimals));
const shownValue = (kind, value) => (value === null || value === undefined ? '' : plain(value * kind.scale, kind.decimals));
function shownBytes(bytes) {
  const units = ['B', 'kB', 'MB', 'GB'];
  let unit = 0;
  while (bytes >= 1000 && unit < 3) { bytes /= 1000; unit++; }
  return `${bytes >= 100 || unit === 0 ? bytes.toFixed(0) : bytes.toFixed(bytes >= 10 ? 1 : 2)} ${units[unit]}`;
}
const named = (row) => (row.budget ? `${row.method} ${row.budget}` : row.method);

function element(parent, tag, attributes = {}, text) {
  const child = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) child.setAttribute(name, value);
  if (text !== undefined) child.textContent = text;
  parent.appendChild(child);
  return child;
}

function save(name, blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function csvText(records) {
  const quoted = (value) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const names = unique(records.flatMap((record) => Object.keys(record)));
  return [names, ...records.map((record) => names.map((name) => record[name]))]
      .map((line) => line.map(quoted).join(',')).join('\n') + '\n';
}

const fileName = (title) => `${STATE.model} ${STATE.label} ${title}`.toLowerCase().replace(/[^a-z0-9.]+/g, '-');
