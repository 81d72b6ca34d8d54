# Two roles for GitHub Actions, without a stored key: GitHub's token says which repository asks, and for what
# (https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws).

data "aws_partition" "current" {}

locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = var.provider_arn != null ? var.provider_arn : aws_iam_openid_connect_provider.github[0].arn
  managed      = "arn:${data.aws_partition.current.partition}:iam::aws:policy"

  roles = {
    plan = {
      description = "GitHub plans pull requests of ${var.repository}: it reads everything and changes nothing"
      subject     = "repo:${var.repository}:pull_request"
      policy      = "${local.managed}/ReadOnlyAccess"
    }
    apply = {
      description = "GitHub applies what the environment production of ${var.repository} lets through"
      subject     = "repo:${var.repository}:environment:production"
      policy      = "${local.managed}/AdministratorAccess"
    }
  }
}

# An account has one for GitHub.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  #checkov:skip=CKV_AWS_274:the role that applies creates roles and policies; the environment production guards it
  for_each = local.roles

  name                 = "${var.prefix}-github-${each.key}"
  description          = each.value.description
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 7200
}

data "aws_iam_policy_document" "trust" {
  for_each = local.roles

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = [each.value.subject]
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  #checkov:skip=CKV_AWS_274:the role that applies creates roles and policies; the environment production guards it
  for_each = local.roles

  role       = aws_iam_role.this[each.key].name
  policy_arn = each.value.policy
}
