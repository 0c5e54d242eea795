package paygate

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/blowfish" //nolint:staticcheck // Paygate's default cipher; AES is used where the merchant has it enabled.
)

// Cipher names one of the two encryptions of Paygate. A MerchantID uses one of
// them for everything it sends; a receiver tells them apart by the text.
type Cipher string

// The ciphers: Blowfish in ECB mode is the default, AES in CBC mode is enabled
// per MerchantID.
const (
	Blowfish Cipher = "blowfish"
	AES      Cipher = "aes"
)

// ErrKey marks a key that the chosen cipher cannot use.
var ErrKey = errors.New("paygate: unusable cipher key")

// ErrCipher marks a cipher name other than Blowfish and AES.
var ErrCipher = errors.New("paygate: unknown cipher")

// ErrUndecipherable is the only error of decryption. It says no more on
// purpose: the sender of a forged message must not learn which step failed.
var ErrUndecipherable = errors.New("paygate: undecipherable")

// Codec is a cipher key made ready. Preparing a Blowfish key costs more than
// encrypting a message with it, so keep a Codec where many messages are
// handled. It may be used concurrently.
type Codec struct {
	blowfish *blowfish.Cipher // nil when the key does not fit
	aes      cipher.Block     // nil when the key does not fit
}

// NewCodec prepares a key: the password bytes as they are, 1 to 56 for
// Blowfish, 16, 24 or 32 for AES. It fails with ErrKey when neither fits.
func NewCodec(key string) (*Codec, error) {
	raw, err := encodeLatin1(key)
	if err != nil {
		return nil, ErrKey
	}
	c := &Codec{}
	if b, err := blowfish.NewCipher(raw); err == nil {
		c.blowfish = b
	}
	if b, err := aes.NewCipher(raw); err == nil {
		c.aes = b
	}
	if c.blowfish == nil && c.aes == nil {
		return nil, ErrKey
	}
	return c, nil
}

// CheckKey tells whether key fits the cipher.
func CheckKey(c Cipher, key string) error {
	codec, err := NewCodec(key)
	if err != nil {
		return err
	}
	return codec.supports(c)
}

func (c *Codec) supports(which Cipher) error {
	switch {
	case which != Blowfish && which != AES:
		return fmt.Errorf("%w %q", ErrCipher, string(which))
	case which == Blowfish && c.blowfish == nil, which == AES && c.aes == nil:
		return fmt.Errorf("%w for %s", ErrKey, which)
	}
	return nil
}

// encryptBlowfish pads text to whole blocks and encrypts each by itself. Text
// that fills its last block gets no further one.
func (c *Codec) encryptBlowfish(text []byte, pad byte) []byte {
	size := (len(text) + blowfish.BlockSize - 1) / blowfish.BlockSize * blowfish.BlockSize
	out := make([]byte, size)
	for i := copy(out, text); i < size; i++ {
		out[i] = pad
	}
	for i := 0; i < size; i += blowfish.BlockSize {
		c.blowfish.Encrypt(out[i:], out[i:])
	}
	return out
}

// decryptBlowfish returns the first length bytes of the text, or, when length
// is negative, the text without blanks and NULs at its end.
func (c *Codec) decryptBlowfish(data string, length int) ([]byte, error) {
	text, err := hex.DecodeString(data)
	if err != nil || c.blowfish == nil || len(text)%blowfish.BlockSize != 0 || length > len(text) {
		return nil, ErrUndecipherable
	}
	for i := 0; i < len(text); i += blowfish.BlockSize {
		c.blowfish.Decrypt(text[i:], text[i:])
	}
	if length < 0 {
		return bytes.TrimRight(text, " \x00"), nil
	}
	return text[:length], nil
}

func (c *Codec) encryptAES(text, iv []byte) []byte {
	pad := aes.BlockSize - len(text)%aes.BlockSize
	out := append(bytes.Clone(text), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(c.aes, iv).CryptBlocks(out, out)
	return out
}

// decryptAES takes the initialisation vector and the text in hex. PKCS#7 tells
// the length; Len is not consulted.
func (c *Codec) decryptAES(ivHex, dataHex string) ([]byte, error) {
	iv, err := hex.DecodeString(ivHex)
	if err != nil || c.aes == nil || len(iv) != aes.BlockSize {
		return nil, ErrUndecipherable
	}
	text, err := hex.DecodeString(dataHex)
	if err != nil || len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, ErrUndecipherable
	}
	cipher.NewCBCDecrypter(c.aes, iv).CryptBlocks(text, text)
	return unpad(text)
}

func unpad(text []byte) ([]byte, error) {
	pad := int(text[len(text)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, ErrUndecipherable
	}
	for _, b := range text[len(text)-pad:] {
		if int(b) != pad {
			return nil, ErrUndecipherable
		}
	}
	return text[:len(text)-pad], nil
}
