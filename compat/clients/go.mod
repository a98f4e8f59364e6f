module satchel-compat-clients

go 1.26

require github.com/bitpay/bitpay-go v2.2.2+incompatible

require (
	github.com/btcsuite/btcd v0.22.0-beta // indirect
	github.com/btcsuite/btcutil v1.0.3-0.20201208143702-a53e38424cce // indirect
	github.com/gorilla/mux v1.8.1 // indirect
	golang.org/x/crypto v0.0.0-20200510223506-06a226fb4e37 // indirect
)
