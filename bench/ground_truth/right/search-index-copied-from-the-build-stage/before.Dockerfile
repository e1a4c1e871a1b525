FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/help
COPY pages/ pages/
COPY build_index.py server.py ./
RUN python build_index.py
EXPOSE 8000
CMD ["python", "server.py"]
