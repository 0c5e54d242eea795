// Package doctor says what is not as it should be, and what to do about it. Vitals are
// what was found by looking; Judge turns them into findings and looks at nothing, so
// that each finding can be had by making up its cause. Every finding has an id that
// stays the same and a section in docs/operations.md.
package doctor
