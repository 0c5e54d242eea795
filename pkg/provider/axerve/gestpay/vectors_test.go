package gestpay

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vectors is testdata/index.json and the documents beside it, written for this
// project. Shops, keys and people in them are invented.
type vectors struct {
	Responses     []responseVector     `json:"responses"`
	Requests      []requestVector      `json:"requests"`
	Rejects       []rejectVector       `json:"rejects"`
	Notifications []notificationVector `json:"notifications"`
	Redirects     []redirectVector     `json:"redirects"`
	ShopIDs       shopIDVector         `json:"shop_transaction_id"`
	Amounts       amountVectors        `json:"amounts"`
	Currencies    map[string]string    `json:"currencies"`
}

type responseVector struct {
	File      string    `json:"file"`
	Operation Operation `json:"operation"`
	SOAP      Version   `json:"soap"`
	Status    int       `json:"http_status"`
	Context   struct {
		Expected *linePayment `json:"expected_payment"`
	} `json:"context"`
	Expect map[string]any `json:"expect"`
}

type requestVector struct {
	File        string       `json:"file"`
	Operation   Operation    `json:"operation"`
	Path        string       `json:"path"`
	Action      string       `json:"soap_action"`
	ContentType string       `json:"content_type"`
	Given       givenRequest `json:"given"`
}

type givenRequest struct {
	ShopLogin      string            `json:"shop_login"`
	APIKey         string            `json:"api_key"`
	Currency       string            `json:"currency"`
	AmountMinor    int64             `json:"amount_minor"`
	ShopID         ShopTransactionID `json:"shop_transaction_id"`
	BankID         BankTransactionID `json:"bank_transaction_id"`
	BuyerName      string            `json:"buyer_name"`
	BuyerEmail     string            `json:"buyer_email"`
	Language       string            `json:"language"`
	Recurring      string            `json:"recurring"`
	CryptedString  string            `json:"crypted_string"`
	OrderReference string            `json:"amazon_order_reference_id"`
	Token          string            `json:"token"`
	SettlementID   string            `json:"settlement_id"`
	Reason         string            `json:"reason"`
}

type rejectVector struct {
	File   string         `json:"file"`
	Status int            `json:"http_status"`
	Expect map[string]any `json:"expect"`
}

type notificationVector struct {
	Query  string `json:"query"`
	Body   string `json:"body"`
	Expect struct {
		ReplyStatus int    `json:"reply_status"`
		Crypted     string `json:"decrypt_crypted_string"`
		Decrypts    *bool  `json:"decrypt_called"`
	} `json:"expect"`
	Transport string `json:"transport"`
}

type redirectVector struct {
	Environment string `json:"environment"`
	ShopLogin   string `json:"shop_login"`
	CryptString string `json:"crypt_string"`
	URL         string `json:"expect_url"`
}

type shopIDVector struct {
	Pattern string   `json:"pattern"`
	Valid   []string `json:"valid"`
	Invalid []string `json:"invalid"`
}

type amountVector struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
	Text     string `json:"text"`
}

type amountVectors struct {
	Format       []amountVector `json:"format"`
	Parse        []amountVector `json:"parse"`
	RejectFormat []amountVector `json:"reject_format"`
	RejectParse  []string       `json:"reject_parse"`
}

func mustVectors(t testing.TB) vectors {
	t.Helper()
	var v vectors
	if err := json.Unmarshal(mustRead(t, "index.json"), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Responses) != 62 || len(v.Requests) != 12 || len(v.Rejects) != 9 || len(v.Notifications) != 13 {
		t.Fatalf("vectors: %d responses, %d requests, %d rejects, %d notifications",
			len(v.Responses), len(v.Requests), len(v.Rejects), len(v.Notifications))
	}
	return v
}

func mustRead(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func mustParse(t testing.TB, op Operation, file string) Reply {
	t.Helper()
	r, err := Parse(op, 200, mustRead(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}
