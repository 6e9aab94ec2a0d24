"""Looking at labelled pictures before anything is learned from them."""
