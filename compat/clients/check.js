// What the scenario needs to judge: one line a call for the program that started this driver, and small assertions.
'use strict';

const assert = require('assert');

const stepTimeout = 25000;

function text(e) {
  if (e instanceof Error) return e.message;
  return typeof e === 'string' ? e : JSON.stringify(e);
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('no answer within ' + ms + ' ms')), ms); });
  return Promise.race([promise, late]).then((v) => { clearTimeout(timer); return v; }, (e) => { clearTimeout(timer); throw e; });
}

// step makes a call and reports it. It never throws: the calls after it may still work.
async function step(call, run) {
  const line = { call, ok: true };
  try {
    await within(stepTimeout, run());
  } catch (e) {
    line.ok = false;
    line.note = text(e).slice(0, 600);
    if (e instanceof Error) console.error(call + ': ' + e.stack);
  }
  console.log('CELL ' + JSON.stringify(line));
}

// refused makes sure that the client reports an error, and that the error says what the server meant.
async function refused(run, wanted) {
  let result;
  try {
    result = await run();
  } catch (e) {
    const said = text(e);
    assert(wanted.test(said), 'the error says ' + said + ', wanted ' + wanted);
    return;
  }
  throw new Error('it was not refused: ' + JSON.stringify(result));
}

// until polls until the check holds, and gives what it held for.
async function until(what, read, holds) {
  const end = Date.now() + 20000;
  for (;;) {
    const got = await read();
    if (holds(got)) return got;
    if (Date.now() > end) throw new Error('not in time: ' + what + '; last seen ' + JSON.stringify(got));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

module.exports = { assert, step, refused, until, text };
