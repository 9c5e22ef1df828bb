// The page: everything is drawn again when a choice, the width or the colour scheme changes.
function drawHeader(parent) {
  element(parent, 'h1', {}, DATA.title);
  const build = DATA.build || {}, machine = DATA.machine || {};
  const commit = build.commit ? ` (${build.commit.slice(0, 12)})` : '';
  element(parent, 'p', {}, `kvcompress ${build.version || ''}${commit}, ${machine.cpu || ''}, ${machine.threads || ''} threads. ` +
    'Every number on this page was measured; brackets are 95 % bootstrap intervals over the samples, and differences are paired ' +
    'sample by sample. "Claimed" figures are published elsewhere, on other models and machines.');
}

function drawAll() {
  const page = document.getElementById('page');
  const scroll = window.scrollY;
  page.textContent = '';
  drawHeader(page);
  drawControls(page);
  const figure = KINDS.get(STATE.figure).title, at = STATE.budget ? `at the budget ${STATE.budget}` : '';
  element(page, 'h2', {}, 'Results');
  element(page, 'p', {}, 'A click on a column sorts by it. Green and red: better and worse beyond the interval.');
  drawTable(page);
  const first = element(page, 'div', {class: 'pair'});
  picture(first, 'Quality against bytes', `${figure}. The dashed line joins what no smaller cache beats.`, qualityAgainstBytes);
  picture(first, 'Speed against bytes', 'How fast an answer is written, or read where no answer is.', speedAgainstBytes);
  picture(page, 'Methods side by side', `All figures of the task ${at}.`, bars);
  const second = element(page, 'div', {class: 'pair'});
  picture(second, 'Quality against speed', `${figure}. The larger the mark, the larger the cache.`, qualityAgainstSpeed);
  picture(second, 'Cache efficiency', 'What of the full cache\'s quality is left, divided by what of its bytes is kept.', efficiency);
  picture(page, 'Difference to the full cache', 'In percent of the full cache\'s figure. Green is better, purple worse.', deltas);
  picture(page, 'Kept share by layer and head', `Slots kept over tokens seen ${at}.`, keptByHead);
  picture(page, 'Kept positions', `Which part of the context is kept ${at}, over all layers and heads.`, keptPositions);
  const footer = element(page, 'footer');
  element(footer, 'p', {}, 'Drawn with D3, whose licence stands in the source of this page. The page loads nothing from anywhere.');
  window.scrollTo(0, scroll);
  const root = document.documentElement;
  root.dataset.overflow = Math.max(root.scrollWidth - root.clientWidth, 0);
  root.dataset.width = root.clientWidth;
  root.dataset.ready = 'yes';
}

drawAll();
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
let drawnWidth = document.documentElement.clientWidth, timer = 0;
window.addEventListener('resize', () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (document.documentElement.clientWidth === drawnWidth) return;
    drawnWidth = document.documentElement.clientWidth;
    drawAll();
  }, 150);
});
