"""What operators watch: named once, kept in the database where processes share it, scraped."""
