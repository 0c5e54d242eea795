package callback_test

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// bufferLog returns a logger that writes JSON lines to w.
func bufferLog(w io.Writer) *zap.Logger {
	enc := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(w)), zap.DebugLevel))
}
