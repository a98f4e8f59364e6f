// What a shop does in its life with the BitPay API, told once for every client. An adapter has a method for each thing
// that its client can do; a call whose method is missing is not made.
'use strict';

const control = require('./control');
const { assert, step, refused, until } = require('./check');

const posData = '{"ünïcödé":"€ \\" /","n":1}';
const oddOrder = "o'1 (x)!* ü&b+c";

// satoshis is what is still due, in integers all the way.
function satoshis(invoice) {
  const due = invoice.paymentTotals.BTC - invoice.amountPaid;
  assert(Number.isSafeInteger(due) && due > 0, 'due ' + due);
  return due;
}

function address(invoice) {
  assert(/^bcrt1/.test(invoice.bitcoinAddress), 'address ' + invoice.bitcoinAddress);
  return invoice.bitcoinAddress;
}

function fresh(invoice, price, currency) {
  assert.strictEqual(invoice.status, 'new');
  assert.strictEqual(invoice.price, price);
  assert.strictEqual(invoice.currency, currency);
  assert.strictEqual(invoice.exceptionStatus, false);
  for (const name of ['id', 'url', 'token']) assert.strictEqual(typeof invoice[name], 'string', name);
  for (const name of ['invoiceTime', 'expirationTime', 'currentTime']) assert(Number.isSafeInteger(invoice[name]), name);
  satoshis(invoice);
  address(invoice);
}

class Scenario {
  constructor(adapter) {
    this.a = adapter;
    this.tokens = {};
    this.orders = 0;
    this.run = Math.random().toString(36).slice(2, 8);
  }

  can(...names) { return names.every((name) => typeof this.a[name] === 'function'); }

  fields(more) {
    this.orders++;
    return Object.assign({
      price: 12.34, currency: 'EUR', orderId: this.run + '-' + this.orders, posData, itemDesc: 'A cup of tea',
      notificationURL: control.sink, fullNotifications: true, transactionSpeed: 'medium',
    }, more);
  }

  create(more) { return this.a.create(this.fields(more)); }

  async pay(invoice) { return control.pay(address(invoice), satoshis(invoice)); }

  becomes(id, ...statuses) {
    return until(id + ' is ' + statuses.join(' or '), () => this.a.get(id), (got) => statuses.includes(got.status));
  }

  // callback asks the receiver for an invoice's callback and does what BitPay tells receivers to do: it takes the id from
  // it, and reads the rest with the client.
  async callback(want, status) {
    const bodies = await control.callbacks(Object.assign({ count: 1 }, want));
    const body = bodies[bodies.length - 1];
    const flat = body.data || body;
    assert.strictEqual(flat.status, status);
    assert.strictEqual(flat.posData, posData);
    const invoice = await this.a.get(flat.id);
    for (const name of ['id', 'url', 'price', 'currency', 'orderId', 'amountPaid']) assert.deepStrictEqual(flat[name], invoice[name], name);
    return invoice;
  }

  async pairing() {
    if (this.can('pairClient')) {
      await step('pair-client', async () => {
        const got = await this.a.pairClient('merchant');
        assert(/^[a-zA-Z0-9]{7}$/.test(got.code), 'code ' + got.code);
        this.a.use('merchant', got.token);
        await refused(() => this.create(), /./); // not yet
        await control.approve(got.code);
        this.tokens.merchant = got.token;
        fresh(await this.create(), 12.34, 'EUR');
      });
    }
    if (this.can('claim')) {
      await step('pair-code', async () => {
        for (const facade of this.can('pairClient') ? ['pos'] : ['merchant', 'pos']) {
          this.code = await control.offer(facade);
          const got = await this.a.claim(this.code);
          assert.strictEqual(got.facade, facade);
          this.tokens[facade] = got.token;
          this.a.use(facade, got.token);
        }
      });
    }
    if (this.can('offer', 'claim')) {
      await step('pair-offer', async () => {
        const got = await this.a.claim((await this.a.offer('pos')).code);
        assert.strictEqual(got.facade, 'pos');
        this.tokens.pos = got.token;
        this.a.use('pos', got.token);
      });
    }
    if (this.can('ownTokens')) {
      await step('tokens', async () => assert.deepStrictEqual(await this.a.ownTokens(), this.tokens));
    }
  }

  async creating() {
    await step('create', async () => {
      this.first = await this.create({ orderId: oddOrder + this.run });
      fresh(this.first, 12.34, 'EUR');
      assert.strictEqual(this.first.posData, posData);
      assert.strictEqual(this.first.orderId, oddOrder + this.run);
    });
    await step('create-pos', async () => {
      if (!this.tokens.pos) this.a.use('pos', await control.token('pos', this.a.sin));
      fresh(await this.a.createPOS(this.fields()), 12.34, 'EUR');
    });
    if (this.can('createBearer')) {
      await step('create-bearer', async () => {
        fresh(await this.a.createBearer(this.fields(), await control.token('pos')), 12.34, 'EUR');
      });
    }
    await step('create-btc', async () => {
      const invoice = await this.create({ price: 0.00023, currency: 'BTC' });
      fresh(invoice, 0.00023, 'BTC');
      assert.strictEqual(satoshis(invoice), 23000);
    });
    if (!this.a.ownGuid) {
      await step('guid-twice', async () => {
        const fields = this.fields({ guid: 'guid-' + this.run });
        const one = await this.a.create(Object.assign({}, fields));
        const two = await this.a.create(Object.assign({}, fields));
        assert.strictEqual(two.id, one.id);
        this.guided = one;
      });
    }
  }

  async reading() {
    await step('get', async () => {
      const got = await this.a.get(this.first.id);
      for (const name of ['id', 'token', 'price', 'orderId', 'posData', 'url', 'invoiceTime']) assert.deepStrictEqual(got[name], this.first[name], name);
    });
    if (this.can('getPublic')) {
      await step('get-public', async () => {
        const got = await this.a.getPublic(this.first.id);
        assert.strictEqual(got.id, this.first.id);
        assert.strictEqual(got.status, 'new');
        assert.strictEqual(got.notificationURL, undefined);
      });
    }
    if (this.can('getByGuid')) {
      await step('guid', async () => assert.strictEqual((await this.a.getByGuid('guid-' + this.run)).id, this.guided.id));
    }
  }

  async paying() {
    await step('pay', async () => {
      await this.pay(this.first);
      const paid = await this.becomes(this.first.id, 'paid');
      assert.strictEqual(paid.amountPaid, this.first.paymentTotals.BTC);
      await control.mine(1);
      await this.becomes(this.first.id, 'confirmed');
      await control.mine(5);
      const complete = await this.becomes(this.first.id, 'complete');
      assert.strictEqual(complete.exceptionStatus, false);
      assert.strictEqual(complete.transactions.length, 1);
      assert(complete.transactions[0].confirmations >= 6, 'confirmations');
    });
    await step('list', async () => {
      const day = (ms) => new Date(ms).toISOString().slice(0, 10);
      const dates = { dateStart: day(this.first.invoiceTime - 864e5), dateEnd: day(this.first.invoiceTime) };
      const one = await this.a.list(Object.assign({ orderId: oddOrder + this.run, status: 'complete' }, dates));
      assert.deepStrictEqual(one.map((i) => [i.id, i.token]), [[this.first.id, this.first.token]]);
      assert.deepStrictEqual(await this.a.list(Object.assign({ orderId: oddOrder + this.run, status: 'expired' }, dates)), []);
      const [newest, next] = await this.a.list(Object.assign({ limit: 2 }, dates));
      const [skipped] = await this.a.list(Object.assign({ limit: 1, offset: 1 }, dates));
      assert(newest.invoiceTime >= next.invoiceTime, 'newest first');
      assert.strictEqual(skipped.id, next.id);
    });
  }

  async notifying() {
    await step('ipn', async () => {
      for (const status of ['paid', 'confirmed', 'complete']) await control.callbacks({ invoice: this.first.id, status, count: 1 });
      assert.strictEqual((await this.callback({ invoice: this.first.id, status: 'complete' }, 'complete')).id, this.first.id);
    });
    await step('ipn-extended', async () => {
      const invoice = await this.create({ extendedNotifications: true });
      await this.pay(invoice);
      await this.callback({ invoice: invoice.id, event: 'invoice_paidInFull' }, 'paid');
      await control.mine(6);
      await this.callback({ invoice: invoice.id, event: 'invoice_completed' }, 'complete');
    });
    if (this.can('resend')) {
      await step('resend', async () => {
        const before = (await control.callbacks({ invoice: this.first.id, count: 1 })).length;
        assert(await this.a.resend(this.first), 'the client says that it was not');
        await control.callbacks({ invoice: this.first.id, count: before + 1 });
      });
    }
  }

  async changing() {
    if (this.can('update')) {
      await step('update', async () => {
        const invoice = await this.create();
        await this.a.update(invoice.id, { buyerEmail: 'buyer@shop.example' });
        const got = await this.a.get(invoice.id);
        assert.strictEqual(got.buyer.email, 'buyer@shop.example');
        assert.strictEqual(got.buyerProvidedEmail, 'buyer@shop.example');
      });
    }
    if (this.can('payTest')) {
      await step('pay-test', async () => {
        const invoice = await this.create();
        await this.a.payTest(invoice.id, 'complete');
        await this.becomes(invoice.id, 'complete');
      });
    }
    if (this.can('cancel')) {
      await step('cancel', async () => {
        const invoice = await this.create();
        await this.a.cancel(invoice.id);
        const got = await this.a.get(invoice.id);
        assert.strictEqual(got.isCancelled, true);
        assert.notStrictEqual(got.status, 'new');
        await refused(() => this.a.cancel(this.first.id), /Invalid invoice state for cancel/);
      });
    }
    if (this.can('cancelByGuid')) {
      await step('guid-cancel', async () => {
        await this.a.cancelByGuid('guid-' + this.run);
        assert.strictEqual((await this.a.get(this.guided.id)).isCancelled, true);
      });
    }
    if (this.can('adjust')) {
      await step('adjust', async () => {
        const over = await this.create();
        await control.pay(address(over), satoshis(over) + 1000);
        await until('more was paid', () => this.a.get(over.id), (got) => got.exceptionStatus === 'paidOver');
        await this.a.adjust(over, 'acceptOverpayment');
        await refused(() => this.a.adjust(over, 'acceptOverpayment'), /./); // once
        const under = await this.create({ acceptanceWindow: 1000 });
        await control.pay(address(under), satoshis(under) - 1000);
        await until('it expired, paid in part', () => this.a.get(under.id), (got) => got.status === 'expired' && got.exceptionStatus === 'paidPartial');
        await this.a.adjust(under, 'acceptUnderpayment');
        await this.becomes(under.id, 'paid', 'confirmed', 'complete');
      });
    }
  }

  async streaming() {
    if (this.can('eventToken')) {
      await step('event-token', async () => {
        this.bus = await this.a.eventToken(this.first.id);
        assert.strictEqual(typeof this.bus.token, 'string');
        assert.strictEqual(this.bus.url, control.api + '/events');
        assert(this.bus.events.includes('payment') && this.bus.actions.includes('subscribe'), 'events and actions');
      });
    }
    if (this.can('stream')) {
      await step('event-stream', async () => {
        const invoice = await this.create();
        const seen = [];
        const close = await this.a.stream(await this.a.eventToken(invoice.id), (name, data) => seen.push([name, data]));
        try {
          await this.pay(invoice);
          await until('a payment is told', () => seen, (list) => list.some(([n, d]) => n === 'payment' && d.id === invoice.id && d.status === 'paid'));
          await control.mine(1);
          await until('a confirmation is told', () => seen, (list) => list.some(([n, d]) => n === 'confirmation' && d.id === invoice.id));
        } finally {
          close();
        }
      });
    }
  }

  async looking() {
    if (this.can('rates')) {
      await step('rates', async () => {
        const list = await this.a.rates();
        assert.strictEqual(list.find((r) => r.code === 'USD').rate, 50000);
        if (this.can('rate')) assert.strictEqual((await this.a.rate('BTC', 'EUR')).rate, 45000);
      });
    }
    if (this.can('currency')) {
      await step('currencies', async () => {
        const btc = await this.a.currency('BTC');
        assert.strictEqual(btc.code, 'BTC');
        assert.strictEqual(btc.decimals, 8);
        assert.strictEqual((await this.a.currency('EUR')).precision, 2);
      });
    }
    if (this.can('wallets')) {
      await step('wallets', async () => {
        const [wallet, ...more] = await this.a.wallets();
        assert.strictEqual(more.length, 0);
        assert.deepStrictEqual(wallet.currencies.map((c) => c.code), ['BTC']);
      });
    }
  }

  async refusals() {
    const wrong = 'BgZVpv7oWdvDJMCK3Lz3EuNM5cDnsBK7kXMWCp7UQqXd';
    await step('refused-token', () => refused(() => this.a.createWith(wrong, this.fields()), /Invalid token/));
    await step('refused-key', () => refused(() => this.a.stranger().createWith(this.tokens.merchant, this.fields()), /Invalid token|Unauthorized sin/));
    await step('refused-invoice', () => refused(() => this.a.get('1111111111111111111111'), /[Nn]ot found/));
    await step('refused-price', () => refused(() => this.create({ price: this.a.noPrice }), /price/i));
    if (this.can('claim')) {
      await step('refused-code', async () => {
        await refused(() => this.a.stranger().claim(this.code), /Unable to create token/);
        await refused(() => this.a.claim('1111111'), /Unable to create token/);
      });
    }
  }

  async ending() {
    for (const call of ['session', 'session-expiry', 'user', 'schema', 'cli', 'unpair']) {
      const name = call.replace('-e', 'E');
      if (this.can(name)) await step(call, () => this.a[name](this));
    }
  }
}

// run tells the whole story and ends the process, whatever a client may have left open.
module.exports = async function run(adapter) {
  const s = new Scenario(await adapter);
  for (const part of ['pairing', 'creating', 'reading', 'paying', 'notifying', 'changing', 'streaming', 'looking', 'refusals', 'ending']) await s[part]();
  process.exit(0);
};
