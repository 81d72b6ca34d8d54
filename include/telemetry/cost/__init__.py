"""What a deployment costs a month: AWS's rates, what is used of them, and where arrays save."""
