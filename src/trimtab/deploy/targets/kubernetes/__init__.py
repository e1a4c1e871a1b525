"""A compose project as Kubernetes manifests, and what is lost on the way."""

from trimtab.deploy.targets.kubernetes.export import KubernetesOptions, export_kubernetes

__all__ = ["KubernetesOptions", "export_kubernetes"]
