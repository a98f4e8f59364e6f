package regtest

// WatchKey is a public key that everybody knows (the account m/84h/1h/0h of BIP39's "abandon … about"): good for coins
// that are worth nothing.
const WatchKey = "wpkh([73c5da0a/84h/1h/0h]tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M/0/*)"
