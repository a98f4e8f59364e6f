// bitpay-sdk pairs by a set-up program that asks a person and then https://test.bitpay.com, whatever it is told. Loaded
// by a driver, this runs that program and answers as a person would. Preloaded into the program itself, it stands in for
// a name server that leads to the daemon, and changes nothing of the program.
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const real = 'https://test.bitpay.com';

function lead() {
  const to = (url) => String(url).replace(real, process.env.COMPAT_API);
  const wrap = (go) => (url, options) => go(to(url), options);
  globalThis.fetch = wrap(globalThis.fetch);
  const id = require.resolve('node-fetch');
  const fetch = require(id);
  require.cache[id].exports = Object.assign(wrap(fetch), fetch, { default: wrap(fetch) });
  require('axios').interceptors.request.use((config) => Object.assign(config, { url: to(config.url) }));
}

// setUp gives the key and the token that the program wrote, and the code that it printed. The newer program is told a
// folder; the older ones write into their own.
function setUp(root, newer) {
  const folder = fs.mkdtempSync(path.join(process.env.HOME, 'setup-'));
  const left = [[/T for testing/, 't']];
  if (newer) left.push([/\(E\) for existing or \(N\)/, 'n'], [/directory for your new private key/, '.']);
  else left.push([/Enter to generate a brand new key/, '']);
  left.push([/F for storing in a text file/, 't'], [/M for merchant/, 'm']);
  const program = path.join(root, 'dist', 'setup', 'BitPaySetup.js');
  const child = spawn(process.execPath, ['--require', __filename, program], { cwd: folder, env: Object.assign({ COMPAT_LEAD: '1' }, process.env) });
  let out = '';
  let seen = 0;
  const timer = setTimeout(() => child.kill('SIGKILL'), 22000);
  child.stdout.on('data', (part) => {
    out += part;
    while (left.length > 0 && left[0][0].test(out.slice(seen))) {
      seen = out.length;
      child.stdin.write(left.shift()[1] + '\n');
    }
  });
  child.stderr.on('data', (part) => { out += part; });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      const code = /(\w+) for the Merchant facade/.exec(out);
      if (!code) return reject(new Error('the set-up program failed: ' + out.slice(-400)));
      const file = newer ? path.join(folder, 'BitPay.config.json') : path.join(root, 'dist', 'secure', 'BitPay.config.json');
      const written = JSON.parse(fs.readFileSync(file, 'utf8')).BitPayConfiguration.EnvConfig;
      fs.unlinkSync(file);
      const { PrivateKey, ApiTokens } = written.Test || written.test;
      return resolve({ key: PrivateKey, token: ApiTokens.merchant, code: code[1] });
    });
  });
}

if (process.env.COMPAT_LEAD) lead();
module.exports = setUp;
