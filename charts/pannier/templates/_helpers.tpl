{{/* The operator's name: of the Deployment, and what the others begin with. Cut so that they fit. */}}
{{- define "pannier.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Names of things that are not in a namespace hold it, so that two releases do not meet. */}}
{{- define "pannier.clusterName" -}}
{{- printf "%s-%s" (include "pannier.fullname" .) .Release.Namespace | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* One name for both webhook configurations and for --webhook-name. */}}
{{- define "pannier.webhookName" -}}
{{ include "pannier.clusterName" . }}
{{- end }}

{{- define "pannier.webhookService" -}}
{{ include "pannier.fullname" . }}-webhook
{{- end }}

{{- define "pannier.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "pannier.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "pannier.selectorLabels" -}}
app.kubernetes.io/name: pannier-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pannier.labels" -}}
{{ include "pannier.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: pannier
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* list root image → "registry/repository:tag" or "…@digest" */}}
{{- define "pannier.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $root.Values.image.registry }}{{ . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* What the webhook needs whatever namespaces are looked after. */}}
{{- define "pannier.namespaceSelector" -}}
{{- $selector := deepCopy .Values.webhook.namespaceSelector -}}
{{- if .Values.watchNamespace -}}
{{- $only := dict "key" "kubernetes.io/metadata.name" "operator" "In" "values" (list .Values.watchNamespace) -}}
{{- $_ := set $selector "matchExpressions" (append ($selector.matchExpressions | default list) $only) -}}
{{- end -}}
{{ toYaml $selector }}
{{- end }}

{{/* Rights to objects in the namespaces that are looked after. */}}
{{- define "pannier.objectRules" -}}
# What users write; the operator reads it.
- apiGroups: [pannier.dev]
  resources: [vectorstores, snapshotrepositories, storesnapshotschedules, storecleanuppolicies]
  verbs: [get, list, watch]
# What it also makes, marks with its finalizer, and removes by policy.
- apiGroups: [pannier.dev]
  resources: [storesnapshots, storeoperations]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [pannier.dev]
  resources: [vectorstores/status, snapshotrepositories/status, storesnapshots/status, storesnapshotschedules/status, storeoperations/status, storecleanuppolicies/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# One at a time and by name, never listed: credentials of repositories, which users name, and the
# certificates of the daemons of each VectorStore, which the operator makes.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, update]
# Read when a StoreCleanupPolicy names claims; patched to note since when they are unused.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, patch{{ if .Values.cleanup.allowClaimDeletion }}, delete{{ end }}]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
