// npm bitpay-sdk, 5 and 8: one typed client for everything, paired by its set-up program, aimed by its two URLs.
'use strict';

const { randomBytes } = require('crypto');
const path = require('path');

const control = require('./control');
const run = require('./scenario');
const setUp = require('./setup');
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
  wallet: require(root + '/dist/Model/Wallet/Wallet.zod.js').walletInterfaceSchema,
  currency: require(root + '/dist/Model/Currency/Currency.zod.js').currencyInterfaceSchema,
  rate: require(root + '/dist/Model/Rates/Rate.zod.js').rateInterfaceSchema,
} : null;

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
    const got = await setUp(root, schemas !== null);
    this.key = got.key;
    return got;
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

  wallets() { return this.client.getSupportedWallets().then((list) => list.map((w) => this.fits('wallet', w))); }

  stranger() { return new Adapter(); }
}

if (schemas) {
  Adapter.prototype.schema = async function schema() { assert.deepStrictEqual(this.misfits, []); };
}

run(new Adapter());
