package wire

import (
	"crypto/sha256"
	"fmt"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// MarshalCommand returns c as it stands on COMMANDS, without At. Whether c may
// be asked for is for Validate to say.
func MarshalCommand(c payment.Command) ([]byte, error) {
	var e coder
	m := e.encodeCommand(c)
	return e.marshal(m, "command")
}

// SealCommand is MarshalCommand with the personal data sealed by k.
func SealCommand(c payment.Command, k *seal.Key) ([]byte, error) {
	var e coder
	m := e.encodeCommand(c)
	e.sealCommand(m, k)
	return e.marshal(m, "command")
}

// UnmarshalCommand reads what MarshalCommand and SealCommand wrote, or an order
// system in their place: what it returns need not be valid. At is zero; the broker
// has it. What is sealed stays so.
func UnmarshalCommand(data []byte) (payment.Command, error) { return OpenCommand(data, nil) }

// OpenCommand is UnmarshalCommand with what is sealed opened by the key that find
// gives. An error of find other than seal.ErrDestroyed is returned.
func OpenCommand(data []byte, find Finder) (payment.Command, error) {
	var m pb.Command
	if err := unmarshal(data, &m, "command"); err != nil {
		return payment.Command{}, err
	}
	d := coder{find: find}
	closed, err := d.openCommand(&m)
	if err != nil {
		return payment.Command{}, fmt.Errorf("command: %w", err)
	}
	c := d.decodeCommand(&m)
	if err := d.poison("command"); err != nil {
		return payment.Command{}, err
	}
	c.Closed = closed
	return c, nil
}

// Plain returns c without its personal data: what is left of it when that is
// erased, but for Closed.
func Plain(c payment.Command) payment.Command {
	var e coder
	m := e.encodeCommand(c)
	splitCommand(m)
	plain := e.decodeCommand(m)
	plain.At = c.At
	return plain
}

// Fingerprint returns the SHA-256 of what c asks for: everything but At. The
// same request sent again has the same fingerprint, for as long as its ReqID is
// remembered. It is zero when c cannot be encoded, which Validate refuses. Whoever
// knows the rest can find out a name by trial: store that of a Plain command only.
func Fingerprint(c payment.Command) [sha256.Size]byte {
	var e coder
	m := e.encodeCommand(c)
	m.SchemaVersion = 0 // a new version of the schema does not make it another request
	data, err := e.marshal(m, "command")
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(data)
}

func (c *coder) encodeCommand(v payment.Command) *pb.Command {
	return &pb.Command{
		SchemaVersion: schemaVersion,
		CommandId:     string(v.ID),
		Merchant:      string(v.Merchant),
		ReqId:         string(v.ReqID),
		PaymentId:     string(v.Payment),
		Provider:      string(v.Provider),
		Account:       v.Account,
		Kind:          kinds.encode(c, v.Kind),
		Amount:        c.encodeMoney(v.Amount),
		Description:   v.Description,
		StatementText: v.StatementText,
		Reference:     v.Reference,
		Authorization: c.encodeAuthorization(v.Authorization),
		Beneficiary:   encodeBeneficiary(v.Beneficiary),
	}
}

func (c *coder) decodeCommand(m *pb.Command) payment.Command {
	c.version(m.GetSchemaVersion())
	c.strict(m)
	return payment.Command{
		ID:            payment.CommandID(m.GetCommandId()),
		Merchant:      payment.Merchant(m.GetMerchant()),
		ReqID:         payment.ReqID(m.GetReqId()),
		Payment:       payment.ID(m.GetPaymentId()),
		Provider:      payment.Provider(m.GetProvider()),
		Account:       m.GetAccount(),
		Kind:          kinds.decode(c, m.GetKind()),
		Amount:        c.decodeMoney(m.GetAmount()),
		Description:   m.GetDescription(),
		StatementText: m.GetStatementText(),
		Reference:     m.GetReference(),
		Authorization: c.decodeAuthorization(m.GetAuthorization()),
		Beneficiary:   decodeBeneficiary(m.GetBeneficiary()),
	}
}

// strict fails when m asks for more than this version understands.
func (c *coder) strict(m *pb.Command) {
	a := m.GetAuthorization()
	c.known(m, "command")
	c.known(m.GetAmount(), "amount")
	c.known(a, "authorization")
	c.known(a.GetReturnUrls(), "return_urls")
	c.known(a.GetRecurring(), "recurring")
	c.known(a.GetRecurring().GetAmount(), "recurring.amount")
	c.known(m.GetBeneficiary(), "beneficiary")
}

func (c *coder) encodeAuthorization(a *payment.Authorization) *pb.Authorization {
	if a == nil {
		return nil
	}
	return &pb.Authorization{
		Method:        methods.encode(c, a.Method),
		Capture:       captureModes.encodeOptional(c, a.Capture),
		Country:       a.Country,
		LocalCurrency: string(a.LocalCurrency),
		Scope:         a.Scope,
		Language:      a.Language,
		ReturnUrls:    encodeReturnURLs(a.Return),
		Recurring:     c.encodeRecurring(a.Recurring),
		Mandate:       a.Mandate,
		OrderRef:      a.OrderRef,
	}
}

func (c *coder) decodeAuthorization(m *pb.Authorization) *payment.Authorization {
	if m == nil {
		return nil
	}
	return &payment.Authorization{
		Method:        methods.decode(c, m.GetMethod()),
		Capture:       captureModes.decodeOptional(c, m.GetCapture()),
		Country:       m.GetCountry(),
		LocalCurrency: payment.Currency(m.GetLocalCurrency()),
		Scope:         m.GetScope(),
		Language:      m.GetLanguage(),
		Return:        decodeReturnURLs(m.GetReturnUrls()),
		Recurring:     c.decodeRecurring(m.GetRecurring()),
		Mandate:       m.GetMandate(),
		OrderRef:      m.GetOrderRef(),
	}
}

func encodeReturnURLs(u payment.ReturnURLs) *pb.ReturnURLs {
	if u == (payment.ReturnURLs{}) {
		return nil
	}
	return &pb.ReturnURLs{Success: u.Success, Failure: u.Failure, Cancel: u.Cancel, Review: u.Review}
}

func decodeReturnURLs(m *pb.ReturnURLs) payment.ReturnURLs {
	return payment.ReturnURLs{
		Success: m.GetSuccess(), Failure: m.GetFailure(), Cancel: m.GetCancel(), Review: m.GetReview(),
	}
}

func (c *coder) encodeRecurring(r *payment.Recurring) *pb.Recurring {
	if r == nil {
		return nil
	}
	return &pb.Recurring{
		Cycle:    cycles.encode(c, r.Cycle),
		Interval: c.encodeInt(r.Interval),
		Amount:   c.encodeMoney(r.Amount),
		Only:     r.Only,
	}
}

func (c *coder) decodeRecurring(m *pb.Recurring) *payment.Recurring {
	if m == nil {
		return nil
	}
	return &payment.Recurring{
		Cycle:    cycles.decode(c, m.GetCycle()),
		Interval: int(m.GetInterval()),
		Amount:   c.decodeMoney(m.GetAmount()),
		Only:     m.GetOnly(),
	}
}

func encodeBeneficiary(b *payment.Beneficiary) *pb.Beneficiary {
	if b == nil {
		return nil
	}
	return &pb.Beneficiary{
		CustomerId:    b.CustomerID,
		IpAddress:     b.IPAddress,
		FirstName:     b.FirstName,
		LastName:      b.LastName,
		Email:         b.Email,
		Address:       b.Address,
		AccountNumber: b.AccountNumber,
	}
}

func decodeBeneficiary(m *pb.Beneficiary) *payment.Beneficiary {
	if m == nil {
		return nil
	}
	return &payment.Beneficiary{
		CustomerID:    m.GetCustomerId(),
		IPAddress:     m.GetIpAddress(),
		FirstName:     m.GetFirstName(),
		LastName:      m.GetLastName(),
		Email:         m.GetEmail(),
		Address:       m.GetAddress(),
		AccountNumber: m.GetAccountNumber(),
	}
}
