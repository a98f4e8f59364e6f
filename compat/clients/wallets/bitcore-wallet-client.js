// npm bitcore-wallet-client, BitPay's own wallet: its code for version 1 and 2 of the JSON Payment Protocol, which checks
// the signature of what it is told.
'use strict';

const { BitcoreLib } = require('crypto-wallet-core');
const { PayPro } = require('bitcore-wallet-client/ts_build/src/lib/paypro');
const { PayProV2 } = require('bitcore-wallet-client/ts_build/src/lib/payproV2');

const { run, trusted } = require('./wallet');

const addressOf = (key) => new BitcoreLib.PublicKey(key).toAddress('testnet').toString();
const call = (method, opts) => new Promise((resolve, reject) => PayPro[method](opts, (e, a, memo) => (e ? reject(e) : resolve([a, memo]))));

class Version1 {
  constructor(keys) { this.keys = keys; }

  async request(url) {
    const [got] = await call('get', { url, network: 'regtest', trustedKeys: this.keys });
    return { address: got.toAddress, satoshis: got.amount, feeRate: got.requiredFeeRate };
  }

  // pay verifies first: the client cannot do one without the other.
  async pay(url, draft) {
    return (await call('send', { url, network: 'regtest', rawTxUnsigned: draft.unsigned, rawTx: draft.signed }))[1];
  }

  distrust() { this.keys = { [addressOf('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')]: {} }; }
}

class Version2 {
  constructor(keys) { this.trust(keys); }

  trust(keys) { this.client = new PayProV2({}, keys); }

  async options(url) { return (await PayProV2.getPaymentOptions({ paymentUrl: url })).paymentOptions; }

  async request(url) {
    const got = await PayProV2.selectPaymentOption({ paymentUrl: url, chain: 'BTC', currency: 'BTC' });
    return { address: got.instructions[0].toAddress, satoshis: got.instructions[0].amount, feeRate: got.requiredFeeRate };
  }

  verify(url, draft) {
    return PayProV2.verifyUnsignedPayment({ paymentUrl: url, chain: 'BTC', currency: 'BTC', unsignedTransactions: [{ tx: draft.unsigned, weightedSize: draft.size }] });
  }

  async pay(url, draft) {
    const transactions = [{ tx: draft.signed, weightedSize: draft.size }];
    return (await PayProV2.sendSignedPayment({ paymentUrl: url, chain: 'BTC', currency: 'BTC', signedTransactions: transactions, bpPartner: {} })).memo;
  }

  distrust() { this.trust({ [addressOf('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')]: {} }); }
}

run(trusted(addressOf).then((keys) => (process.argv[2] === '1' ? new Version1(keys) : new Version2(keys))));
