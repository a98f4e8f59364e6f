// npm bitpay-sdk, 5 and 8: one typed client for everything, paired by its set-up program, aimed by its two URLs.
'use strict';

const { spawn } = require('child_process');
const { randomBytes } = require('crypto');
const fs = require('fs');
const path = require('path');

const control = require('./control');
const run = require('./scenario');
const { assert } = require('./check');

const name = process.argv[2];
const root = path.join(__dirname, 'node_modules', name);
const sdk = require(name);
sdk.Env.ProdUrl = sdk.Env.TestUrl = control.api + '/';
const { Client, Facade, KeyUtils } = sdk;
const { Environment } = require(root + '/dist/Environment');
const { TokenContainer } = require(root + '/dist/TokenContainer');
const schemas = name === 'bitpay-sdk-8' ? {
  invoice: require(root + '/dist/Model/Invoice/Invoice.zod.js').invoiceSchema,
  eventToken: require(root + '/dist/Model/Invoice/InvoiceEventToken.zod.js').invoiceEventTokenInterfaceSchema,
  currency: require(root + '/dist/Model/Currency/Currency.zod.js').currencyInterfaceSchema,
  rate: require(root + '/dist/Model/Rates/Rate.zod.js').rateInterfaceSchema,
} : null;

// Two generations of the set-up program: where each leaves its file, and what a person answers to its questions.
const generation = schemas ? {
  file: (folder) => path.join(folder, 'BitPay.config.json'),
  answers: [[/T for testing/, 't'], [/\(E\) for existing or \(N\)/, 'n'], [/directory for your new private key/, '.']],
} : {
  file: () => path.join(root, 'dist', 'secure', 'BitPay.config.json'),
  answers: [[/T for testing/, 't'], [/Enter to generate a brand new key/, '']],
};
const answers = generation.answers.concat([[/F for storing in a text file/, 't'], [/M for merchant/, 'm']]);

// setUp runs the set-up program as a person does, and gives what it printed at the end.
function setUp(folder) {
  return new Promise((resolve, reject) => {
    const program = path.join(root, 'dist', 'setup', 'BitPaySetup.js');
    const child = spawn(process.execPath, ['--require', path.join(__dirname, 'setup.js'), program], { cwd: folder });
    const left = answers.slice();
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
    child.on('error', reject);
    child.on('close', () => { clearTimeout(timer); resolve(out); });
  });
}

class Adapter {
  constructor() {
    this.key = randomBytes(32).toString('hex');
    this.tokens = { merchant: 'none', pos: 'none' };
    this.misfits = [];
    this.connect();
  }

  connect() {
    const tokens = new TokenContainer();
    for (const facade of Object.keys(this.tokens)) tokens.add(facade, this.tokens[facade]);
    const keys = new KeyUtils();
    this.sin = keys.get_sin_from_key(keys.load_keypair(this.key));
    this.client = Client.createClientByPrivateKey(this.key, tokens, Environment.Prod);
  }

  use(facade, token) {
    this.tokens[facade] = token;
    this.connect();
  }

  // fits keeps what the client's own schema says of an answer.
  fits(kind, document) {
    const judged = schemas ? schemas[kind].safeParse(document) : { success: true };
    if (!judged.success) this.misfits.push(kind + ': ' + judged.error.message);
    return document;
  }

  async pairClient() {
    const folder = fs.mkdtempSync(path.join(process.env.HOME, 'setup-'));
    const out = await setUp(folder);
    const code = /(\w+) for the Merchant facade/.exec(out);
    assert(code, out);
    const file = generation.file(folder);
    const written = JSON.parse(fs.readFileSync(file, 'utf8')).BitPayConfiguration.EnvConfig.Test;
    fs.unlinkSync(file);
    this.key = written.PrivateKey;
    return { code: code[1], token: written.ApiTokens.merchant };
  }

  async create(fields) { return this.fits('invoice', await this.client.createInvoice(fields)); }

  async createPOS(fields) { return this.fits('invoice', await this.client.createInvoice(fields, Facade.Pos, true)); }

  async createBearer(fields, token) {
    const client = Client.createPosClient(token, Environment.Prod);
    const invoice = this.fits('invoice', await client.createInvoice(fields));
    assert.strictEqual((await client.getInvoice(invoice.id)).id, invoice.id);
    return invoice;
  }

  createWith(token, fields) {
    const other = new Adapter();
    other.key = this.key;
    other.use('merchant', token);
    return other.create(fields);
  }

  async get(id) { return this.fits('invoice', await this.client.getInvoice(id)); }

  async list(filters) { return (await this.client.getInvoices(filters)).map((i) => this.fits('invoice', i)); }

  async getByGuid(guid) { return this.fits('invoice', await this.client.getInvoiceByGuid(guid)); }

  async cancelByGuid(guid) { return this.fits('invoice', await this.client.cancelInvoiceByGuid(guid)); }

  resend(invoice) { return this.client.requestInvoiceWebhookToBeResent(invoice.id, invoice.token); }

  async update(id, fields) { return this.fits('invoice', await this.client.updateInvoice(id, fields)); }

  async payTest(id, status) { return this.fits('invoice', await this.client.payInvoice(id, status)); }

  async cancel(id) { return this.fits('invoice', await this.client.cancelInvoice(id, true)); }

  async eventToken(id) { return this.fits('eventToken', await this.client.getInvoiceEventToken(id)); }

  async rates() { return (await this.client.getRates(null)).getRates().map((r) => this.fits('rate', r)); }

  rate(coin, currency) { return this.client.getRate(coin, currency); }

  currency(code) { return this.client.getCurrencyInfo(code).then((c) => this.fits('currency', c)); }

  stranger() { return new Adapter(); }
}

if (schemas) {
  Adapter.prototype.schema = async function schema() { assert.deepStrictEqual(this.misfits, []); };
}

run(new Adapter());
