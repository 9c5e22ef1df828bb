// What is shown: model, task, figure, budget and methods.
function choose(parent, title, key, values, shown = (value) => value) {
  const label = element(parent, 'label', {}, title);
  const select = element(label, 'select', {'data-control': key});
  for (const value of values) element(select, 'option', {value}, shown(value));
  if (!values.includes(STATE[key])) STATE[key] = values[0];
  select.value = STATE[key];
  select.addEventListener('change', () => { STATE[key] = select.value; drawAll(); });
}

function budgetsOfTask() {
  const budgets = unique(rowsOfTask().map((row) => row.budget)).filter((budget) => budget !== '');
  return budgets.length > 0 ? budgets : [''];
}

function drawMethodChoice(parent) {
  const methods = unique(rowsOfTask().map((row) => row.method));
  const details = element(parent, 'details', {class: 'methods'});
  details.open = drawMethodChoice.open === true;
  details.addEventListener('toggle', () => { drawMethodChoice.open = details.open; });
  const hidden = methods.filter((method) => STATE.hidden.has(method)).length;
  element(details, 'summary', {}, `${methods.length - hidden} of ${methods.length} methods shown`);
  const choices = element(details, 'div', {class: 'choices'});
  const setAll = (title, hide) => {
    element(choices, 'button', {type: 'button'}, title).addEventListener('click', () => {
      for (const method of methods) {
        if (hide && method !== 'full') STATE.hidden.add(method); else STATE.hidden.delete(method);
      }
      drawAll();
    });
  };
  setAll('all', false);
  setAll('none', true);
  for (const method of methods) {
    const label = element(choices, 'label');
    const box = element(label, 'input', {type: 'checkbox'});
    box.checked = !STATE.hidden.has(method);
    label.append(method);
    box.addEventListener('change', () => {
      if (box.checked) STATE.hidden.delete(method); else STATE.hidden.add(method);
      drawAll();
    });
  }
}

function drawControls(parent) {
  const controls = element(parent, 'div', {class: 'controls'});
  choose(controls, 'model', 'model', unique(DATA.rows.map((row) => row.model)));
  choose(controls, 'task', 'label', unique(DATA.rows.filter((row) => row.model === STATE.model).map((row) => row.label)));
  const kinds = qualityKinds().length > 0 ? qualityKinds() : kindsOfTask();
  choose(controls, 'figure', 'figure', kinds.map((kind) => kind.key), (key) => KINDS.get(key).title);
  choose(controls, 'budget (bars, kept slots)', 'budget', budgetsOfTask(), (budget) => budget || 'own');
  drawMethodChoice(controls);
}
