"""What an argument over committed rows is made of: transcript, dialogue, opening, batch."""
