// Package account reads the file of merchants and of their accounts at payment
// providers: who may call, where each provider is, and which secrets serve.
//
// The file is YAML. It holds no secret itself, only references to them
// (file:/path or env:NAME) and hashes of API keys:
//
//	merchants:
//	  - id: demo
//	    api_keys:
//	      - {id: k1, sha256: <hex of the key's SHA-256>, scopes: [authorize, capture, read]}
//	    accounts:
//	      - name: eu                # unique within merchant and provider
//	        provider: computop
//	        default: true           # serves commands that name no account
//	        live: false             # true: real money
//	        endpoint: https://www.computop-paygate.com/
//	        callback_key: 5fVq0cTnW2rYb7Hk   # 16 to 64 letters and digits, unique over the file
//	        limits: {calls_per_second: 20, burst: 40}   # of all replicas together; left out: none
//	        settings: {merchant_id: demo_mid, cipher: blowfish}
//	        secrets:
//	          mac: [{id: "2", ref: "file:/run/secrets/mac-2"}, {id: "1", ref: "env:MAC_1"}]
//	    webhooks:                 # who is told what became of operations; see docs/events.md
//	      - id: orders            # names it in logs and rows; left out: made of the URL
//	        url: https://shop.example/payloom   # http only for localhost, and not with live accounts
//	        events: [payment.*, payout.paid]    # left out: all
//	        personal_data: false  # true: bodies hold what is known of the buyer
//	        secrets: [{id: "1", ref: "file:/run/secrets/webhook"}]   # whsec_...; two during a rotation
//
// What stands below settings is the provider's own affair; the package hands it
// over as it is. Every secret is a list: the first entry is the one to sign and
// encrypt with, all of them verify and decrypt, so that two are valid while one
// replaces the other.
package account
