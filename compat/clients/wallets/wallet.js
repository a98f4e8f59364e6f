// What a customer's wallet does with an invoice, told once for every client of the payment protocols. An adapter has a
// method for each thing that its client can do; a call whose method is missing is not made. The shop is behind TLS, as
// these clients want it.
'use strict';

const https = require('https');

const control = require('../control');
const { assert, step, refused } = require('../check');

const front = process.env.COMPAT_FRONT;

// fetch is for what is no client's: making and looking at invoices, and the keys that a wallet is told to trust.
function fetch(method, path, document) {
  return new Promise((resolve, reject) => {
    const text = document === undefined ? '' : JSON.stringify(document);
    const req = https.request(front + path, { method, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString())));
    });
    req.on('error', reject);
    req.end(text);
  });
}

class Customer {
  constructor(adapter) { this.a = adapter; }

  can(name) { return typeof this.a[name] === 'function'; }

  async invoice() {
    if (!this.token) this.token = await control.token('pos');
    const made = await fetch('POST', '/invoices', { token: this.token, price: 12.34, currency: 'EUR', transactionSpeed: 'medium' });
    return { id: made.data.id, link: made.data.paymentCodes.BTC.BIP72b, url: made.data.paymentCodes.BTC.BIP73, address: made.data.bitcoinAddress, due: made.data.paymentTotals.BTC };
  }

  async status(invoice) { return (await fetch('GET', '/invoices/' + invoice.id)).data.status; }

  async asks() {
    this.first = await this.invoice();
    this.draft = await control.draft(this.first.address, this.first.due);
    assert.strictEqual(this.first.url, front + '/i/' + this.first.id);
    if (this.can('options')) {
      await step('wallet-options', async () => {
        const options = await this.a.options(this.first.link);
        assert.deepStrictEqual([options.length, options[0].chain, options[0].estimatedAmount], [1, 'BTC', this.first.due]);
      });
    }
    await step('wallet-request', async () => {
      const asked = await this.a.request(this.first.url);
      assert.strictEqual(asked.satoshis, this.first.due);
      assert.strictEqual(asked.address || asked.script, asked.address ? this.first.address : this.draft.script);
      if (asked.feeRate !== undefined) assert(asked.feeRate > 0 && asked.feeRate < 100, 'fee rate ' + asked.feeRate);
    });
  }

  async pays() {
    const draft = this.draft;
    if (this.can('verify')) {
      await step('wallet-verify', async () => {
        await this.a.verify(this.first.url, draft);
        assert.strictEqual(await this.status(this.first), 'new');
      });
    }
    await step('wallet-pay', async () => {
      assert.match(await this.a.pay(this.first.url, draft), /^Transaction received/);
      assert.strictEqual(await this.status(this.first), 'paid'); // at once
      await control.mine(1);
    });
    await step('wallet-again', async () => assert.match(await this.a.pay(this.first.url, draft), /^Transaction received/));
  }

  async errs() {
    const other = await this.invoice();
    await step('wallet-amount', async () => {
      const draft = await control.draft(other.address, other.due - 1);
      if (this.can('verify')) await refused(() => this.a.verify(other.url, draft), /./);
      await refused(() => this.a.pay(other.url, draft), /./);
      assert.strictEqual(await this.status(other), 'new');
    });
    await step('wallet-closed', () => refused(() => this.a.request(this.first.url), /./));
    await step('wallet-unknown', () => refused(() => this.a.request(front + '/i/1111111111111111111111'), /./));
    if (this.can('distrust')) {
      await step('wallet-trust', async () => {
        this.a.distrust();
        await refused(() => this.a.request(other.url), /unknown key/);
      });
    }
  }
}

// trusted is what a wallet is told of the shop's key, as these clients want it. It is named by its address.
async function trusted(addressOf) {
  const doc = await fetch('GET', '/signingKeys/paymentProtocol.json');
  const publicKey = doc.publicKeys[0];
  return { [addressOf(publicKey)]: { owner: doc.owner, networks: ['regtest'], domains: doc.validDomains, publicKey } };
}

// run tells the whole story and ends the process, whatever a client may have left open.
async function run(adapter) {
  const c = new Customer(await adapter);
  for (const part of ['asks', 'pays', 'errs']) await c[part]();
  process.exit(0);
}

module.exports = { run, trusted, front };
