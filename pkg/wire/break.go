package wire

import (
	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

func (c *coder) encodeBreak(b payment.Break) *pb.Break {
	return &pb.Break{
		Id:     b.ID,
		Kind:   breakKinds.encode(c, b.Kind),
		Figure: figures.encode(c, b.Figure),
		Status: breakStatuses.encode(c, b.Status),
		Here:   b.Here,
		There:  b.There,
		Ours:   b.Ours,
		Theirs: b.Theirs,
		Ref:    b.Ref,
		Since:  c.encodeTime(b.Since),
		Reason: b.Reason,
		Actor:  b.Actor,
	}
}

func (c *coder) decodeBreak(m *pb.Break) payment.Break {
	return payment.Break{
		ID:     m.GetId(),
		Kind:   breakKinds.decode(c, m.GetKind()),
		Figure: figures.decode(c, m.GetFigure()),
		Status: breakStatuses.decode(c, m.GetStatus()),
		Here:   m.GetHere(),
		There:  m.GetThere(),
		Ours:   m.GetOurs(),
		Theirs: m.GetTheirs(),
		Ref:    m.GetRef(),
		Since:  c.decodeTime(m.GetSince()),
		Reason: m.GetReason(),
		Actor:  m.GetActor(),
	}
}

func (c *coder) encodeBreaks(all []payment.Break) []*pb.Break {
	if len(all) == 0 {
		return nil
	}
	out := make([]*pb.Break, len(all))
	for i, b := range all {
		out[i] = c.encodeBreak(b)
	}
	return out
}

func (c *coder) decodeBreaks(all []*pb.Break) []payment.Break {
	if len(all) == 0 {
		return nil
	}
	out := make([]payment.Break, len(all))
	for i, m := range all {
		out[i] = c.decodeBreak(m)
	}
	return out
}
