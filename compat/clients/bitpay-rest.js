// npm bitpay-rest and its forerunner, npm bitpay: verbs and paths, tokens fetched by the client itself, resources that
// can be followed. Both read ~/.bitpay/config.json, and both have a command line.
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');

const control = require('./control');
const run = require('./scenario');
const { assert, refused } = require('./check');

const name = process.argv[2];
const folder = path.join(process.env.HOME, '.bitpay');
const at = new URL(control.api);
fs.mkdirSync(folder);
fs.writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ apiHost: at.hostname, apiPort: Number(at.port), forceSSL: false }));

const root = path.dirname(require.resolve(name + '/package.json'));
const bitpay = require(name);
const bitauth = require(require.resolve('bitauth', { paths: [root] }));

function connect(key, options) {
  return new Promise((resolve, reject) => {
    const client = bitpay.createClient(key, Object.assign({ config: {} }, options));
    client.once('ready', () => resolve(client));
    client.once('error', reject);
  });
}

function send(client, facade, verb, where, data) {
  return new Promise((resolve, reject) => {
    client.as(facade)[verb](where, Object.assign({}, data), (err, body) => (err ? reject(err) : resolve(body)));
  });
}

// follow calls a verb of a resource that an earlier call gave.
function follow(resource, verb, ...args) {
  return new Promise((resolve, reject) => resource[verb](...args, (err, body) => (err ? reject(err) : resolve(body))));
}

class Adapter {
  constructor() {
    const made = bitauth.generateSin();
    this.key = made.priv;
    this.sin = made.sin;
    this.tokens = {};
    this.open = bitpay.createClient(null, { config: {} });
    this.client = bitpay.createClient(this.key, { config: {}, getTokens: false });
  }

  use(facade, token) {
    this.tokens[facade] = token;
    this.client.tokens[facade] = token;
  }

  async post(data) {
    const list = await send(this.open, 'public', 'post', 'tokens', Object.assign({ id: this.sin, label: 'compat' }, data));
    return { facade: list[0].facade, token: list[0].token, code: list[0].pairingCode };
  }

  pairClient(facade) { return this.post({ facade }); }

  claim(pairingCode) { return this.post({ pairingCode }); }

  async offer(facade) {
    const list = await send(this.client, 'merchant', 'post', 'tokens', { facade, id: this.sin });
    return { code: list[0].pairingCode };
  }

  // From here on the client is one that fetched its tokens itself.
  async ownTokens() {
    this.client = await connect(this.key);
    return this.client.tokens;
  }

  create(fields) { return send(this.client, 'merchant', 'post', 'invoices', fields); }

  createPOS(fields) { return send(this.client, 'pos', 'post', 'invoices', fields); }

  createBearer(fields, token) { return send(this.open, 'public', 'post', 'invoices', Object.assign({ token }, fields)); }

  createWith(token, fields) { return this.create(Object.assign({ token }, fields)); }

  // get follows the resource as well: its own token, and a slash at the end.
  async get(id) {
    const invoice = await send(this.client, 'merchant', 'get', 'invoices/' + id);
    const again = await follow(invoice, 'get');
    assert.strictEqual(again.id, id);
    return invoice;
  }

  getPublic(id) { return send(this.open, 'public', 'get', 'invoices/' + id); }

  list(filters) { return send(this.client, 'merchant', 'get', 'invoices', filters); }

  getByGuid(guid) { return send(this.client, 'merchant', 'get', 'invoices/guid/' + guid); }

  cancelByGuid(guid) { return send(this.client, 'merchant', 'delete', 'invoices/guid/' + guid); }

  async resend(invoice) { return (await follow(await this.get(invoice.id), 'post', 'notifications')) === 'Success'; }

  update(id, fields) { return send(this.client, 'merchant', 'put', 'invoices/' + id, fields); }

  payTest(id, status) { return send(this.client, 'merchant', 'put', 'invoices/pay/' + id, { status }); }

  cancel(id) { return send(this.client, 'merchant', 'delete', 'invoices/' + id); }

  async adjust(invoice, type) {
    assert.strictEqual(await follow(await this.get(invoice.id), 'post', 'adjustments', { type }), 'Success');
  }

  eventToken(id) { return send(this.open, 'public', 'get', 'invoices/' + id + '/events'); }

  async stream(bus, tell) {
    const parser = new bitpay.EventParser();
    parser.on('payment', (data) => tell('payment', data));
    parser.on('confirmation', (data) => tell('confirmation', data));
    const query = { token: bus.token, action: 'subscribe', events: bus.events };
    const req = this.open.as('public').get(bus.url.replace(control.api + '/', ''), query);
    const open = new Promise((resolve, reject) => req.on('response', (res) => {
      if (res.statusCode === 200) resolve();
      else reject(new Error('GET /events: ' + res.statusCode));
    }).on('error', reject));
    req.pipe(parser);
    parser.resume();
    await open;
    return () => req.abort();
  }

  rates() { return send(this.client, 'public', 'get', 'rates'); }

  rate(coin, currency) { return send(this.client, 'public', 'get', 'rates/' + coin + '/' + currency); }

  async currency(code) { return (await send(this.client, 'public', 'get', 'currencies')).find((c) => c.code === code); }

  wallets() { return send(this.client, 'public', 'get', 'supportedWallets'); }

  stranger() { return new Adapter(); }

  async user() { assert.strictEqual(typeof (await send(this.client, 'user', 'get', 'user')).name, 'string'); }

  // unpair does what the command line's unpair does, then the tokens are worth nothing.
  async unpair(scenario) {
    const own = (await send(this.client, 'user', 'get', 'clients')).find((c) => c.id === this.sin);
    await follow(own, 'put', { disabled: true });
    await refused(() => this.create(scenario.fields()), /Invalid token|Unauthorized sin/);
    await refused(() => connect(this.key), /Unauthorized sin/);
  }

  // cli drives the program that comes with the package.
  async cli() {
    assert(/client identifier is:\s+Tf|Te/.test(await this.shell(['keygen'], '\n')));
    const sin = fs.readFileSync(path.join(folder, 'api.pub'), 'utf8');
    const code = await control.offer('merchant');
    assert(/successfully paired with `merchant`/.test(await this.shell(['pair', '-c', code], '')), 'pair');
    const made = await this.shell(['request', '-T', 'merchant', '-X', 'POST', '-R', 'invoices', '-P', '{"price":5,"currency":"USD"}'], '\n');
    assert(/status.*new/.test(made), made);
    assert(/Name: /.test(await this.shell(['whoami'], '\n')), 'whoami');
    assert(/Done\./.test(await this.shell(['unpair'], '\n')), 'unpair of ' + sin);
    assert(!fs.existsSync(path.join(folder, 'api.key')), 'the key is still there');
  }

  shell(args, input) {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [path.join(root, 'bin', 'bitpay.js')].concat(args), { stdio: ['pipe', 'pipe', 'pipe'] });
      let out = '';
      const timer = setTimeout(() => child.kill('SIGKILL'), 15000);
      child.stdout.on('data', (part) => { out += part; });
      child.stderr.on('data', (part) => { out += part; });
      child.stdin.end(input);
      child.on('error', reject);
      child.on('close', (status, signal) => {
        clearTimeout(timer);
        if (signal || /Error/.test(out)) reject(new Error('bitpay ' + args[0] + ': ' + signal + ' ' + out));
        else resolve(out);
      });
    });
  }
}

if (name === 'bitpay-rest') {
  Adapter.prototype.session = async function session(scenario) {
    const client = await connect(this.key, { useSession: true });
    const id = client.sessionId;
    const invoice = await send(client, 'merchant', 'post', 'invoices', scenario.fields());
    await refused(() => send(client, 'merchant', 'get', 'invoices/1111111111111111111111'), /[Nn]ot found/); // counts, too
    assert.strictEqual((await send(client, 'merchant', 'get', 'invoices/' + invoice.id)).id, invoice.id);
    assert.strictEqual(client.requestNumber, 5);
    client.requestNumber = 3;
    await refused(() => send(client, 'merchant', 'get', 'invoices/' + invoice.id), /Invalid requestNumber/);
    client.requestNumber = 5;
    assert.strictEqual((await send(client, 'merchant', 'get', 'invoices/' + invoice.id)).id, invoice.id);
    assert.strictEqual(client.sessionId, id);
    this.inSession = client;
    this.sessionInvoice = invoice;
  };
  // The client reports the expired session once, opens another, and repeats the call by itself.
  Adapter.prototype.sessionExpiry = async function sessionExpiry() {
    const client = this.inSession;
    const old = client.sessionId;
    await control.advance('16m');
    const answers = [];
    await new Promise((resolve, reject) => {
      client.as('merchant').get('invoices/' + this.sessionInvoice.id, {}, (err, body) => {
        answers.push(err || body);
        if (!err) resolve();
        else if (err.error !== 'Invalid or expired sessionId') reject(err);
      });
    });
    assert.strictEqual(answers.length, 2);
    assert.strictEqual(answers[1].id, this.sessionInvoice.id);
    assert.notStrictEqual(client.sessionId, old);
  };
}

run(new Adapter());
