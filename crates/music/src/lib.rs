//! ABC notation, scores, MIDI and sound.
