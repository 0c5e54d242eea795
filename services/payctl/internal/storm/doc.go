// Package storm throws callbacks at a running notify-receiver: forged ones, of
// which none may be believed, and genuine ones again and again, of which each may
// count once.
//
// Genuine callbacks are recorded where the simulated providers send them, and
// forgeries are made of those: of what a stranger can have seen.
package storm
