// npm bitpay-sdk 3: asks for the currencies as soon as it is made, signs another spelling of a query than it sends, and
// overwrites every guid.
'use strict';

const { randomBytes } = require('crypto');
const path = require('path');

const control = require('./control');
const run = require('./scenario');
const setUp = require('./setup');
const sdk = require('bitpay-sdk-3');

sdk.Env.ProdUrl = sdk.Env.TestUrl = control.api + '/';
const root = path.join(__dirname, 'node_modules', 'bitpay-sdk-3');

class Adapter {
  constructor() {
    this.key = randomBytes(32).toString('hex');
    this.tokens = {};
    this.ownGuid = true;
    this.connect();
  }

  connect() {
    const keys = new sdk.KeyUtils();
    this.sin = keys.get_sin_from_key(keys.load_keypair(this.key));
    this.client = new sdk.Client(null, sdk.Env.Prod, this.key, Object.assign({}, this.tokens));
  }

  use(facade, token) {
    this.tokens[facade] = token;
    this.connect();
  }

  async pairClient() {
    const got = await setUp(root, false);
    this.key = got.key;
    return got;
  }

  create(fields) { return this.client.CreateInvoice(fields); }

  createPOS(fields) { return this.client.CreateInvoice(fields, 'pos', true); }

  createBearer(fields, token) {
    const other = new Adapter();
    other.use('pos', token);
    return other.client.CreateInvoice(fields, 'pos', false);
  }

  createWith(token, fields) {
    const other = new Adapter();
    other.key = this.key;
    other.use('merchant', token);
    return other.create(fields);
  }

  get(id) { return this.client.GetInvoice(id); }

  list(f) { return this.client.GetInvoices(f.dateStart, f.dateEnd, f.status, f.orderId, f.limit, f.offset); }

  resend(invoice) { return this.client.GetInvoiceWebHook(invoice.id); }

  rates() { return this.client.GetRates(); }

  currency(code) { return this.client.GetCurrencyInfo(code); }

  stranger() { return new Adapter(); }
}

run(new Adapter());
