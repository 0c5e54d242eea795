package axervesim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// seed is where everything random comes from.
type seed simkit.Seed

func (s seed) number(parts ...string) uint64 { return simkit.Seed(s).Number(parts...) }

func (s seed) random(parts ...string) *rand.Rand { return simkit.Seed(s).Random(parts...) }

// cryptAlphabet is that of the strings seen.
const cryptAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_*"

// cryptString returns a string in the form of those that Encrypt gives out and
// notifications carry.
func (s seed) cryptString(length int, parts ...string) string {
	rnd := s.random(append([]string{"crypt"}, parts...)...)
	var out strings.Builder
	for range length {
		out.WriteByte(cryptAlphabet[rnd.IntN(len(cryptAlphabet))])
	}
	return out.String()
}

// bankID returns an id of nine digits; try counts from zero until one is free.
func (s seed) bankID(login, shopID, try string) string {
	return fmt.Sprintf("%09d", 1e8+s.number("bank", login, shopID, try)%9e8)
}

// authCode returns an authorisation code of six characters.
func (s seed) authCode(bankID string) string {
	return fmt.Sprintf("%06X", s.number("authcode", bankID)%0x1000000)
}

// orderID returns an Amazon order reference.
func (s seed) orderID(live bool, parts ...string) string {
	letter, n := "S", s.number(append([]string{"order"}, parts...)...)
	if live {
		letter = "P"
	}
	return fmt.Sprintf("%s02-%07d-%07d", letter, n%1e7, n/1e7%1e7)
}

// token returns a token of 25 characters.
func (s seed) token(bankID string) string {
	return fmt.Sprintf("AMZTOK%019d", s.number("token", bankID)%1e19)
}

func (s seed) eventID(bankID string, n int) string {
	return fmt.Sprint(50000000 + s.number("event", bankID, fmt.Sprint(n))%1e7)
}
