package wire

import (
	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

func (c *coder) encodePayment(p payment.Payment) *pb.Payment {
	return &pb.Payment{
		PaymentId:    string(p.ID),
		Merchant:     string(p.Merchant),
		Provider:     string(p.Provider),
		Account:      p.Account,
		Version:      p.Version,
		State:        states.encode(c, p.State),
		Amount:       c.encodeMoney(p.Amount),
		Terms:        c.encodeKeptTerms(p.Terms),
		Authorized:   p.Authorized,
		Captured:     p.Captured,
		Refunded:     p.Refunded,
		Operations:   c.encodeOperations(p.Operations),
		Rejected:     encodeCommandIDs(p.Rejected),
		Refs:         p.Refs,
		Action:       c.encodeAction(p.Action),
		Buyer:        encodeBuyer(p.Buyer),
		Mandate:      c.encodeMandate(p.Mandate),
		Notified:     c.encodeTime(p.Notified),
		Synced:       string(p.Synced),
		BuyerAt:      c.encodeTime(p.BuyerAt),
		SyncedAt:     c.encodeTime(p.SyncedAt),
		SyncedBefore: encodeCommandIDs(p.SyncedBefore),
		Frozen:       p.Frozen,
		Breaks:       c.encodeBreaks(p.Breaks),
		Acknowledged: p.Acknowledged, Late: p.Late,
		CreatedAt: c.encodeTime(p.CreatedAt),
		UpdatedAt: c.encodeTime(p.UpdatedAt),
	}
}

func (c *coder) decodePayment(m *pb.Payment) payment.Payment {
	return payment.Payment{
		ID:           payment.ID(m.GetPaymentId()),
		Merchant:     payment.Merchant(m.GetMerchant()),
		Provider:     payment.Provider(m.GetProvider()),
		Account:      m.GetAccount(),
		Version:      m.GetVersion(),
		State:        states.decode(c, m.GetState()),
		Amount:       c.decodeMoney(m.GetAmount()),
		Terms:        c.decodeKeptTerms(m.GetTerms()),
		Authorized:   m.GetAuthorized(),
		Captured:     m.GetCaptured(),
		Refunded:     m.GetRefunded(),
		Operations:   c.decodeOperations(m.GetOperations()),
		Rejected:     decodeCommandIDs(m.GetRejected()),
		Refs:         decodeRefs(m.GetRefs()),
		Action:       c.decodeAction(m.GetAction()),
		Buyer:        decodeBuyer(m.GetBuyer()),
		Mandate:      c.decodeMandate(m.GetMandate()),
		Notified:     c.decodeTime(m.GetNotified()),
		Synced:       payment.CommandID(m.GetSynced()),
		BuyerAt:      c.decodeTime(m.GetBuyerAt()),
		SyncedAt:     c.decodeTime(m.GetSyncedAt()),
		SyncedBefore: decodeCommandIDs(m.GetSyncedBefore()),
		Frozen:       m.GetFrozen(),
		Breaks:       c.decodeBreaks(m.GetBreaks()),
		Acknowledged: m.GetAcknowledged(), Late: m.GetLate(),
		CreatedAt: c.decodeTime(m.GetCreatedAt()),
		UpdatedAt: c.decodeTime(m.GetUpdatedAt()),
	}
}

func (c *coder) encodeOperations(ops []payment.Operation) []*pb.Operation {
	if len(ops) == 0 {
		return nil
	}
	out := make([]*pb.Operation, len(ops))
	for i, op := range ops {
		out[i] = c.encodeOperation(op)
	}
	return out
}

func (c *coder) decodeOperations(ops []*pb.Operation) []payment.Operation {
	if len(ops) == 0 {
		return nil
	}
	out := make([]payment.Operation, len(ops))
	for i, m := range ops {
		out[i] = c.decodeOperation(m)
	}
	return out
}

func (c *coder) encodeOperation(op payment.Operation) *pb.Operation {
	return &pb.Operation{
		CommandId: string(op.ID),
		Kind:      kinds.encode(c, op.Kind),
		Amount:    c.encodeMoney(op.Amount),
		Status:    opStatuses.encode(c, op.Status),
		Attempt:   c.encodeAttempt(op.Attempt),
		Refused:   c.encodeInt(op.Refused),
		Effect:    op.Effect,
		Ref:       op.Ref,
		Code:      op.Code,
		Reason:    reasons.encodeOptional(c, op.Reason),
		RetryAt:   c.encodeTime(op.RetryAt),
		At:        c.encodeTime(op.At),
	}
}

func (c *coder) decodeOperation(m *pb.Operation) payment.Operation {
	return payment.Operation{
		ID:      payment.CommandID(m.GetCommandId()),
		Kind:    kinds.decode(c, m.GetKind()),
		Amount:  c.decodeMoney(m.GetAmount()),
		Status:  opStatuses.decode(c, m.GetStatus()),
		Attempt: c.decodeAttempt(m.GetAttempt()),
		Refused: int(m.GetRefused()),
		Effect:  m.GetEffect(),
		Ref:     m.GetRef(),
		Code:    m.GetCode(),
		Reason:  reasons.decodeOptional(c, m.GetReason()),
		RetryAt: c.decodeTime(m.GetRetryAt()),
		At:      c.decodeTime(m.GetAt()),
	}
}

// encodeAttempt returns nil when none was started.
func (c *coder) encodeAttempt(a payment.Attempt) *pb.Attempt {
	if a == (payment.Attempt{}) {
		return nil
	}
	return &pb.Attempt{
		Number:  c.encodeInt(a.Number),
		Key:     a.Key,
		Idem:    a.Idem,
		Nonce:   a.Nonce,
		Started: c.encodeTime(a.Started),
	}
}

func (c *coder) decodeAttempt(m *pb.Attempt) payment.Attempt {
	return payment.Attempt{
		Number:  int(m.GetNumber()),
		Key:     m.GetKey(),
		Idem:    m.GetIdem(),
		Nonce:   m.GetNonce(),
		Started: c.decodeTime(m.GetStarted()),
	}
}

func (c *coder) encodeTerms(t *payment.Terms) *pb.Terms {
	if t == nil {
		return nil
	}
	return &pb.Terms{
		Capture:     captureModes.encodeOptional(c, t.Capture),
		Method:      methods.encodeOptional(c, t.Method),
		Country:     t.Country,
		ReturnUrls:  encodeReturnURLs(t.Return),
		Cycle:       cycles.encodeOptional(c, t.Cycle),
		MandateOnly: t.MandateOnly,
	}
}

func (c *coder) decodeTerms(m *pb.Terms) *payment.Terms {
	if m == nil {
		return nil
	}
	return &payment.Terms{
		Capture:     captureModes.decodeOptional(c, m.GetCapture()),
		Method:      methods.decodeOptional(c, m.GetMethod()),
		Country:     m.GetCountry(),
		Return:      decodeReturnURLs(m.GetReturnUrls()),
		Cycle:       cycles.decodeOptional(c, m.GetCycle()),
		MandateOnly: m.GetMandateOnly(),
	}
}

// encodeKeptTerms is encodeTerms for a payment, whose terms are no pointer.
func (c *coder) encodeKeptTerms(t payment.Terms) *pb.Terms {
	if t == (payment.Terms{}) {
		return nil
	}
	return c.encodeTerms(&t)
}

func (c *coder) decodeKeptTerms(m *pb.Terms) payment.Terms {
	if t := c.decodeTerms(m); t != nil {
		return *t
	}
	return payment.Terms{}
}

func encodeCommandIDs(ids []payment.CommandID) []string {
	if len(ids) == 0 {
		return nil
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

func decodeCommandIDs(ids []string) []payment.CommandID {
	if len(ids) == 0 {
		return nil
	}
	out := make([]payment.CommandID, len(ids))
	for i, id := range ids {
		out[i] = payment.CommandID(id)
	}
	return out
}

// decodeRefs returns nil for an empty map.
func decodeRefs(refs map[string]string) map[string]string {
	if len(refs) == 0 {
		return nil
	}
	return refs
}

func (c *coder) encodeAction(a *payment.Action) *pb.Action {
	if a == nil {
		return nil
	}
	return &pb.Action{
		Type:        actionTypes.encode(c, a.Type),
		Url:         a.URL,
		Payload:     a.Payload,
		Signature:   a.Signature,
		PublicKeyId: a.PublicKeyID,
		SessionId:   a.SessionID,
	}
}

func (c *coder) decodeAction(m *pb.Action) *payment.Action {
	if m == nil {
		return nil
	}
	return &payment.Action{
		Type:        actionTypes.decode(c, m.GetType()),
		URL:         m.GetUrl(),
		Payload:     m.GetPayload(),
		Signature:   m.GetSignature(),
		PublicKeyID: m.GetPublicKeyId(),
		SessionID:   m.GetSessionId(),
	}
}

func (c *coder) encodeMandate(v *payment.Mandate) *pb.Mandate {
	if v == nil {
		return nil
	}
	return &pb.Mandate{Id: v.ID, Cycle: cycles.encodeOptional(c, v.Cycle)}
}

func (c *coder) decodeMandate(m *pb.Mandate) *payment.Mandate {
	if m == nil {
		return nil
	}
	return &payment.Mandate{ID: m.GetId(), Cycle: cycles.decodeOptional(c, m.GetCycle())}
}

func encodeBuyer(b *payment.Buyer) *pb.Buyer {
	if b == nil {
		return nil
	}
	return &pb.Buyer{
		Name: b.Name, Email: b.Email, Phone: b.Phone, Instrument: b.Instrument,
		Shipping: encodeAddress(b.Shipping), Billing: encodeAddress(b.Billing),
	}
}

func decodeBuyer(m *pb.Buyer) *payment.Buyer {
	if m == nil {
		return nil
	}
	return &payment.Buyer{
		Name: m.GetName(), Email: m.GetEmail(), Phone: m.GetPhone(), Instrument: m.GetInstrument(),
		Shipping: decodeAddress(m.GetShipping()), Billing: decodeAddress(m.GetBilling()),
	}
}

func encodeAddress(a *payment.Address) *pb.Address {
	if a == nil {
		return nil
	}
	return &pb.Address{
		Name: a.Name, Lines: a.Lines, City: a.City, Region: a.Region,
		PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone,
	}
}

func decodeAddress(m *pb.Address) *payment.Address {
	if m == nil {
		return nil
	}
	return &payment.Address{
		Name: m.GetName(), Lines: m.GetLines(), City: m.GetCity(), Region: m.GetRegion(),
		PostalCode: m.GetPostalCode(), Country: m.GetCountry(), Phone: m.GetPhone(),
	}
}
